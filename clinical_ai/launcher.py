"""``clinical-ai run``: the whole system on one machine, with a study sent through it."""

import json
import os
import secrets
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from clinical_ai.accounts import add_account, list_accounts
from clinical_ai.demo.studies import DemoStudy, demo_studies
from clinical_ai.dicom_settings import PeerSettings
from clinical_ai.errors import LaunchError
from clinical_ai.peers import dicom_peers, own_peer
from clinical_ai.sending import send_path
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from clinical_ai.supervisor import Supervisor
from clinical_ai.worklist import WorklistRow, versions
from pacs_bridge.archive import Archive
from pacs_bridge.database import open_engine
from pacs_bridge.errors import BridgeError
from pacs_bridge.peer import Peer
from pacs_bridge.receive import Listener
from pacs_bridge.send import echo
from pacs_bridge.tables import metadata as bridge_metadata

DEMO_PEER = "demo-pacs"
DEMO_PORT_OFFSET = 1
START_SECONDS = 120.0
SAY_EVERY = 50  # images between two lines of progress
FINAL_STATES = frozenset({"ready", "not_read", "failed", "signed", "held", "ignored"})

# Real images beside a checkout, where there are any.
_SHARED = Path(__file__).resolve().parents[2] / "shared"

Say = Callable[[str], None]


def with_demo_pacs(settings: Settings) -> tuple[Settings, bool]:
    """Return settings whose results go somewhere: to a second listener of ours if nowhere else."""
    if settings.result_peers:
        return settings, False
    demo = PeerSettings(
        ae_title="DEMOPACS", host="127.0.0.1", port=settings.dicom.port + DEMO_PORT_OFFSET
    )
    peers = {**settings.peers, DEMO_PEER: demo}
    return settings.model_copy(update={"peers": peers, "result_peers": (DEMO_PEER,)}), True


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the variables that give a child process the peers that were added here."""
    peers = {name: peer.model_dump() for name, peer in settings.peers.items()}
    return {
        "CLINICAL_AI_PEERS": json.dumps(peers),
        "CLINICAL_AI_RESULT_PEERS": json.dumps(settings.result_peers),
        # One study at a time on a small machine: more threads only fight over its cores.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }


def ensure_demo_account(services: Services) -> Path | None:
    """Create a radiologist account when there is none; returns where its password is kept."""
    note = services.settings.data_dir / "demo-account.txt"
    if not list_accounts(services.engine):
        password = secrets.token_urlsafe(9)
        add_account(services.engine, "demo", "示范医师 Demo Radiologist", "radiologist", password)
        with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"user name: demo\npassword: {password}\n")
    return note if note.exists() else None


def start_all(settings: Settings, say: Say, *, demo_pacs: bool) -> Supervisor:
    """Start listener, worker and page, and wait until listener and page answer.

    Raises
    ------
    LaunchError
        When one of them does not come up, with what it said.
    """
    supervisor = Supervisor(settings.data_dir / "logs", environment_of(settings))
    try:
        if demo_pacs:
            supervisor.start(DEMO_PEER, ["demo-pacs"])
        for name, command in (("listener", "listen"), ("worker", "worker"), ("page", "ui")):
            supervisor.start(name, [command])
        own = own_peer(settings)
        _wait("listener", supervisor, lambda: _answers_echo(own, settings.dicom.ae_title))
        say(f"listener: {own.ae_title} at {own.host}:{own.port}")
        if demo_pacs:
            peer = dicom_peers(settings)[DEMO_PEER]
            _wait(DEMO_PEER, supervisor, lambda: _answers_echo(peer, settings.dicom.ae_title))
            say(f"results go to {peer.ae_title} at {peer.host}:{peer.port} (demonstration PACS)")
        url = f"http://{settings.ui_host}:{settings.ui_port}/"
        _wait("page", supervisor, lambda: _answers_http(f"{url}healthz"))
        supervisor.check_started("worker")
        say(f"page: {url}")
    except BaseException:
        supervisor.stop()
        raise
    return supervisor


def send_and_follow(
    settings: Settings,
    studies: Sequence[DemoStudy],
    say: Say,
    tend: Callable[[], None],
    *,
    timeout_s: float = 900.0,
) -> bool:
    """Send each study to our own listener and tell what becomes of it.

    Returns
    -------
    bool
        Whether every study ended as read, or as not read with a reason.
    """
    titles: dict[str, str] = {}
    complete = True
    for study in studies:
        uids, whole = _send(settings, study, say)
        titles.update(dict.fromkeys(uids, study.title))
        complete = complete and whole
    with closing(open_services(settings)) as services:
        return _follow(services, titles, say, tend, timeout_s) and complete


def _send(settings: Settings, study: DemoStudy, say: Say) -> tuple[tuple[str, ...], bool]:
    own = own_peer(settings)

    def progress(done: int, total: int) -> None:
        if done % SAY_EVERY == 0 or done == total:
            say(f"{study.title}: {done} of {total} images sent")

    sent = send_path(study.path, own, "DEMOMODALITY", progress)
    for name, reason in sent.skipped:
        say(f"{study.title}: left out {name}: {reason}")
    for name, reason in sent.failed:
        say(f"{study.title}: refused {name}: {reason}")
    return sent.study_uids, sent.sent > 0 and not sent.failed


def _follow(
    services: Services,
    titles: dict[str, str],
    say: Say,
    tend: Callable[[], None],
    timeout_s: float,
) -> bool:
    told: dict[str, str] = {}
    good = True
    deadline = time.monotonic() + timeout_s
    open_uids = set(titles)
    while open_uids and time.monotonic() < deadline:
        tend()
        for uid in sorted(open_uids):
            rows = versions(services.engine, uid)
            line = _describe(rows[0]) if rows else "waiting for images"
            if told.get(uid) != line:
                told[uid] = line
                say(f"{titles[uid]}: {line}")
            if rows and rows[0].state in FINAL_STATES:
                open_uids.discard(uid)
                good = good and rows[0].state != "failed"
        time.sleep(0.25)
    for uid in open_uids:
        say(f"{titles[uid]}: no result after {timeout_s:.0f} s; see the logs")
    return good and not open_uids


def _describe(row: WorklistRow) -> str:
    match row.state:
        case "arriving":
            return f"{row.instances} images received, waiting for more"
        case "queued":
            return "complete, waiting for the worker"
        case "reading":
            return f"reading: {row.step}"
        case "ready":
            found = f"{row.finding_count} findings" if row.finding_count != 1 else "1 finding"
            return f"ready for review: {found}, {row.category or 'no category'}"
        case "not_read" | "failed" | "held" | "ignored":
            return str(row.reason)
        case _:
            return row.state


def _wait(name: str, supervisor: Supervisor, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        supervisor.check_started(name)
        if time.monotonic() > deadline:
            raise LaunchError(f"{name} did not answer within {START_SECONDS:.0f} s")
        time.sleep(0.2)


def _answers_echo(peer: Peer, calling_ae_title: str) -> bool:
    try:
        echo(peer, calling_ae_title)
    except BridgeError:
        return False
    return True


def _answers_http(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def running_demo_pacs(settings: Settings) -> Iterator[None]:
    """Stand in for a PACS: keep what arrives in its own folder of the data folder."""
    folder = settings.data_dir / DEMO_PEER
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(f"sqlite:///{folder.absolute() / 'index.sqlite3'}")
    bridge_metadata.create_all(engine)
    demo = settings.peers[DEMO_PEER]
    listener = Listener(
        Archive(folder / "archive", engine),
        ae_title=demo.ae_title,
        host=demo.host,
        port=demo.port,
    )
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        engine.dispose()


def run_system(
    settings: Settings, paths: Sequence[Path], say: Say, *, demo: bool, exit_when_done: bool
) -> bool:
    """Start everything, send studies, and keep the processes running until Ctrl-C.

    Returns
    -------
    bool
        Whether every study that was sent ended as read or as not read with a reason.
    """
    settings, demo_pacs = with_demo_pacs(settings)
    with closing(open_services(settings)) as services:
        note = ensure_demo_account(services)
    supervisor = start_all(settings, say, demo_pacs=demo_pacs)

    def tend() -> None:
        for event in supervisor.tend():
            say(event)

    try:
        chosen = [DemoStudy(path.name, path) for path in paths]
        if not chosen and demo:
            chosen = demo_studies(settings.data_dir / "demo", shared=_SHARED, progress=say)
        good = send_and_follow(settings, chosen, say, tend)
        say(f"review the studies at http://{settings.ui_host}:{settings.ui_port}/")
        if note is not None:
            say(f"sign in with the account in {note}")
        if not exit_when_done:
            say("press Ctrl-C to stop")
            _tend_until_stopped(tend)
        return good
    finally:
        supervisor.stop()


def _tend_until_stopped(tend: Callable[[], None]) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        while not stop.wait(0.5):
            tend()
    except KeyboardInterrupt:
        return
