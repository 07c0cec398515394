"""Good and bad requests to every HTTP address, made from its OpenAPI description: no 5xx.

And no answer that the description does not name.

    python -m validation.fuzzing.http_routes [--max-examples 200] [--seed 1]

Starts DICOMweb, decision support and health on a free loopback port over a temporary folder
with one image and one record, and runs Schemathesis against them. Metrics are served by
prometheus_client's own server and are left out.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.uid import UID, ImplicitVRLittleEndian
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from clinical_ai.cds_hooks import cds_routes
from clinical_ai.cds_settings import CdsSettings
from clinical_ai.dicomweb import dicomweb_mount
from clinical_ai.dicomweb_access import add_token
from clinical_ai.logs import configure_logs
from clinical_ai.openapi.document import HEALTH, METRICS, PATH, openapi_route
from clinical_ai.records.store import RecordStore
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from pacs_bridge.part10 import parse_file_meta

CHECKS = ",".join(
    (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    )
)
"""No 5xx; and nothing is answered that the description does not name."""
_REPOSITORY = Path(__file__).resolve().parents[2]
_START_SECONDS = 20.0
_UIDS = {
    "StudyInstanceUID": "1.2.3",
    "SeriesInstanceUID": "1.2.3.4",
    "SOPInstanceUID": "1.2.3.4.5",
}
"""As in the examples of the description, so that they name something that is there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code is Schemathesis', 0 when it found nothing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--max-examples", type=int, default=200, help="for each operation")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    configure_logs("CRITICAL")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (url, token):
        finished = run_schemathesis(url, token, chosen.max_examples, chosen.seed)
    return finished.returncode


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str]]:
    """Serve everything; gives the address and a token that may read and write."""
    settings = Settings(data_dir=folder, cds=CdsSettings(accept_tokens=True))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with closing(open_services(settings)) as services:
        token = add_token(services.engine, "fuzz", ["read", "write"], 1)
        _fill(services, folder)
        routes = [dicomweb_mount(services), *cds_routes(services), openapi_route()]
        app = Starlette(routes=[*routes, Route(HEALTH, _health)])
        server = uvicorn.Server(
            uvicorn.Config(app, "127.0.0.1", port, log_level="critical", access_log=False)
        )
        thread = threading.Thread(target=server.run, name="http")
        thread.start()
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", token
        finally:
            server.should_exit = True
            thread.join(_START_SECONDS)


def run_schemathesis(
    url: str, token: str, max_examples: int, seed: int, *more: str
) -> subprocess.CompletedProcess[bytes]:
    """Run Schemathesis against a server.

    Parameters
    ----------
    more
        Further options of its command line.
    """
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{url}{PATH}",
            f"--url={url}",
            f"--header=Authorization: Bearer {token}",
            f"--checks={CHECKS}",
            f"--exclude-path={METRICS}",
            f"--max-examples={max_examples}",
            f"--seed={seed}",
            "--phases=examples,coverage,fuzzing",
            "--continue-on-failure",
            "--suppress-health-check=all",
            "--request-timeout=30",
            "--warnings=off",
            *more,
        ],
        check=False,
        cwd=tempfile.gettempdir(),
        env={
            **os.environ,
            "PYTHONPATH": str(_REPOSITORY),
            "SCHEMATHESIS_HOOKS": "validation.fuzzing.schemathesis_hooks",
        },
    )


async def _health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def _fill(services: Services, folder: Path) -> None:
    """Archive one image, and keep the record of one patient."""
    image = get_testdata_file("CT_small.dcm", read=True)
    assert isinstance(image, FileDataset)
    for name, uid in _UIDS.items():
        setattr(image, name, uid)
    image.file_meta.MediaStorageSOPInstanceUID = UID(_UIDS["SOPInstanceUID"])
    image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    file = folder / "image.dcm"
    image.save_as(file, implicit_vr=True, little_endian=True, enforce_file_format=True)
    content = file.read_bytes()
    meta = parse_file_meta(content)
    services.archive.store(
        content[meta.offset :],
        transfer_syntax_uid=meta.transfer_syntax_uid,
        sop_class_uid=meta.sop_class_uid,
        sop_instance_uid=meta.sop_instance_uid,
        calling_ae_title="FUZZ",
    )
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "gender": "female",
        "birthDate": "1966-02-03",
    }
    RecordStore(services.engine).put([patient], origin="local")


if __name__ == "__main__":
    sys.exit(main())
