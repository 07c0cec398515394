"""Checks an installation: settings, disk, ports, database, models, peers."""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import httpx
from sqlalchemy.exc import SQLAlchemyError

from clinical_ai.bundles.bundle import list_bundles
from clinical_ai.errors import ClinicalAIError
from clinical_ai.peers import dicom_peers, tls_files, web_peers
from clinical_ai.records.fhir.echo import echo as echo_fhir
from clinical_ai.routing import known_names
from clinical_ai.services import open_services
from clinical_ai.settings import Settings, missing_settings_file, settings_file
from pacs_bridge.errors import BridgeError
from pacs_bridge.routing.load import RulesError, load_rules
from pacs_bridge.send import echo
from pacs_bridge.tls import listener_context, requestor_context
from pacs_bridge.web_client import web_client

_ANSWER_SECONDS = 10.0  # of a web or HL7 peer

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
    yield _settings()
    yield _disk(settings)
    yield _database(settings)
    yield from _ports(settings)
    yield from _certificates(settings)
    yield _routing(settings)
    yield from _models(settings)
    yield from _peers(settings)
    yield from _web_peers(settings)
    yield from _hl7_peers(settings)
    yield from _fhir_servers(settings)
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


def _settings() -> Check:
    missing = missing_settings_file()
    if missing is not None:
        return Check(
            "settings",
            "error",
            f"there is no file {missing}; the defaults are in force",
            "correct CLINICAL_AI_CONFIG",
        )
    file = settings_file()
    return Check(
        "settings", "ok", str(file.absolute()) if file.exists() else f"defaults; no {file} here"
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


def _ports(settings: Settings) -> Iterator[Check]:
    dicom = settings.dicom
    if not dicom.tls_only:
        yield _port("DICOM port", dicom.host, dicom.port, "dicom.port")
    if dicom.tls_port:
        yield _port("DICOM TLS port", dicom.host, dicom.tls_port, "dicom.tls_port")
    yield _port("page port", settings.ui_host, settings.ui_port, "ui_port")
    receive = settings.hl7.receive
    if receive.port is not None:
        yield _port("HL7 port", receive.host, receive.port, "hl7.receive.port")


def _certificates(settings: Settings) -> Iterator[Check]:
    """The files of ``[tls]``, where something uses them."""
    files = tls_files(settings.tls)
    receive = settings.hl7.receive
    listens = (
        settings.dicom.tls_port is not None
        or settings.dicomweb.use_tls
        or (receive.port is not None and receive.tls)
    )
    sends = any(p.tls for p in settings.peers.values()) or any(
        p.tls for p in settings.hl7.peers.values()
    )
    try:
        if listens:
            listener_context(files)
        if sends:
            requestor_context(files)
    except BridgeError as error:
        yield Check("TLS files", "error", str(error), "correct [tls] of clinical-ai.toml")
        return
    if listens or sends:
        yield Check("TLS files", "ok", "certificate, key and authorities can be used")


def _port(name: str, host: str, port: int, setting: str) -> Check:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Check(
                name,
                "warning",
                f"{host}:{port} is not free ({error.strerror})",
                f"fine when the system runs; otherwise choose another {setting}",
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


def _web_peers(settings: Settings) -> Iterator[Check]:
    """Any answer but a refusal of our account will do: a server that only stores has no search."""
    for name, peer in web_peers(settings).items():
        label = f"peer {name}"
        try:
            with web_client(peer, httpx.Timeout(_ANSWER_SECONDS)) as client:
                status = client.get(f"{peer.url}/studies", params={"limit": "1"}).status_code
        except (httpx.HTTPError, OSError) as error:
            reason = f"{peer.url} does not answer ({type(error).__name__})"
            yield Check(label, "error", reason, "check its url, and trusted for HTTPS")
            continue
        detail = f"{peer.url} answers with HTTP {status}"
        if status in {401, 403}:
            yield Check(label, "error", detail, "check its token, or username and password")
        elif status >= 500:
            yield Check(label, "warning", detail, "look into the log of the server")
        else:
            yield Check(label, "ok", detail)


def _hl7_peers(settings: Settings) -> Iterator[Check]:
    for name, peer in settings.hl7.peers.items():
        label = f"HL7 peer {name}"
        try:
            socket.create_connection((peer.host, peer.port), _ANSWER_SECONDS).close()
        except OSError as error:
            reason = f"{peer.host}:{peer.port} cannot be reached ({error})"
            yield Check(label, "error", reason, "check host, port and that it runs")
            continue
        cure = f"`clinical-ai bridge hl7 send-test {name}` sends a message"
        yield Check(label, "ok", f"{peer.host}:{peer.port} takes connections", cure)


def _fhir_servers(settings: Settings) -> Iterator[Check]:
    for name, server in settings.fhir_servers.items():
        label = f"FHIR server {name}"
        try:
            told = echo_fhir(name, server)
        except ClinicalAIError as error:
            cure = f"correct fhir_servers.{name}; `clinical-ai fhir echo {name}` asks again"
            yield Check(label, "error", str(error), cure)
            continue
        detail = f"{server.base_url} answered and let us in, in {told.seconds:.3f} s"
        if told.lacking:
            lacking = "; ".join(told.lacking)
            yield Check(label, "warning", f"{detail}; it does not offer {lacking}", "ask its owner")
        else:
            yield Check(label, "ok", detail)
