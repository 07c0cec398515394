"""Checks an installation: settings, disk, ports, database, models, peers."""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from clinical_ai.bundles.bundle import list_bundles
from clinical_ai.peers import dicom_peers
from clinical_ai.routing import known_names
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from pacs_bridge.errors import BridgeError
from pacs_bridge.routing.load import RulesError, load_rules
from pacs_bridge.send import echo

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report; `cure` says what to do when it is not ok."""

    name: str
    level: Level
    detail: str
    cure: str = ""


def examine(settings: Settings) -> Iterator[Check]:
    """Yield one check after another; nothing is changed but the data folder's creation."""
    yield _disk(settings)
    yield _database(settings)
    yield _port("DICOM port", settings.dicom.host, settings.dicom.port, "CLINICAL_AI_DICOM__PORT")
    yield _port("page port", settings.ui_host, settings.ui_port, "CLINICAL_AI_UI_PORT")
    yield _routing(settings)
    yield from _models(settings)
    yield from _peers(settings)
    if not settings.result_peers:
        yield Check(
            "results",
            "warning",
            "results are not sent anywhere",
            "name a peer in result_peers of clinical-ai.toml",
        )
    if settings.dicom.host not in {"127.0.0.1", "::1", "localhost"} and not settings.production:
        yield Check(
            "security",
            "warning",
            f"the listener is reachable on {settings.dicom.host} and accepts any AE title",
            "set production = true and dicom.allowed_calling",
        )


def _disk(settings: Settings) -> Check:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(settings.data_dir).free // 2**20
    detail = f"{free_mb} MB free at {settings.data_dir}"
    if free_mb < settings.dicom.watermark_mb:
        return Check("disk", "error", detail, "free some space; new images are refused until then")
    if free_mb < 10 * settings.dicom.watermark_mb:
        return Check("disk", "warning", detail, "a chest CT takes 100 to 300 MB; plan for more")
    return Check("disk", "ok", detail)


def _database(settings: Settings) -> Check:
    try:
        services = open_services(settings)
    except (SQLAlchemyError, OSError) as error:
        return Check(
            "database",
            "error",
            f"cannot be opened: {type(error).__name__}",
            "check database_url and that the server runs",
        )
    services.close()
    return Check("database", "ok", f"{services.engine.dialect.name}, schema is current")


def _port(name: str, host: str, port: int, variable: str) -> Check:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Check(
                name,
                "warning",
                f"{host}:{port} is not free ({error.strerror})",
                f"fine when the system runs; otherwise choose another with {variable}",
            )
    return Check(name, "ok", f"{host}:{port} is free")


def _routing(settings: Settings) -> Check:
    name = "routing rules"
    if settings.routing_file is None:
        return Check(name, "ok", "no routing_file: every study is read, nothing is forwarded")
    try:
        loaded = load_rules(settings.routing_file, known_names(settings))
    except RulesError as error:
        kept = settings.last_good_routing_file
        held = (
            f"the last good rules stay in force ({kept})"
            if kept.exists()
            else ("the listener will not start")
        )
        return Check(
            name,
            "error",
            f"{error.problems[0]}; {held}",
            f"see `clinical-ai route check` for all {len(error.problems)} problems",
        )
    count = len(loaded.rules.rules)
    if loaded.warnings:
        return Check(name, "warning", str(loaded.warnings[0]), "see `clinical-ai route check`")
    return Check(name, "ok", f"{count} rules in {settings.routing_file}")


def _models(settings: Settings) -> Iterator[Check]:
    for bundle in list_bundles(settings.bundles_dir):
        name = f"model {bundle.name}"
        if bundle.reason is None:
            yield Check(name, "ok", f"version {bundle.version}, signature and digests are right")
        else:
            yield Check(name, "error", str(bundle.reason), "install the bundle again")


def _peers(settings: Settings) -> Iterator[Check]:
    for name, peer in dicom_peers(settings).items():
        label = f"peer {name}"
        try:
            seconds = echo(peer, settings.dicom.ae_title)
        except BridgeError as error:
            yield Check(label, "error", str(error), "check AE title, host, port and that it runs")
            continue
        yield Check(
            label, "ok", f"{peer.ae_title} at {peer.host}:{peer.port} answered in {seconds:.3f} s"
        )
