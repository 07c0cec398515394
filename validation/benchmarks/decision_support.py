"""How long a call of decision support takes, from the local record store, for every patient.

    python -m validation.benchmarks.decision_support FOLDER [--workers 2]

FOLDER holds FHIR NDJSON files (``Patient.ndjson.gz`` and so on). They are imported into a
temporary store; then ``patient-view`` is called over HTTP for every patient, by as many callers
at once as there are workers. Prints the percentiles of the time a caller waited.
"""

import argparse
import gzip
import json
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import orjson
import uvicorn
from starlette.applications import Starlette

from clinical_ai.cds_hooks import cds_routes
from clinical_ai.cds_settings import CdsSettings
from clinical_ai.logs import configure_logs
from clinical_ai.records.store import RecordStore
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings

TARGET_MS = 200.0
_SERVICE = "clinical-ai-patient-view"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; exit code 1 when the 95th percentile is above the target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="callers at once")
    parser.add_argument("--patients", type=int, default=None, help="the first so many")
    chosen = parser.parse_args(arguments)
    configure_logs("WARNING")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), cds=CdsSettings(require_authentication=False))
        with closing(open_services(settings)) as services:
            store = RecordStore(services.engine)
            for file in sorted(chosen.folder.glob("*.ndjson*")):
                store.put(_lines(file), origin="local")
            patients = [person.person for person in store.persons()][: chosen.patients]
            with _serving(services) as url, httpx.Client(base_url=url, timeout=60) as client:
                _call(client, patients[0])  # imports and tables are loaded once
                with ThreadPoolExecutor(chosen.workers) as pool:
                    measured = list(pool.map(partial(_call, client), patients))
    milliseconds = np.array([seconds * 1000 for seconds, _ in measured])
    result = {
        "patients": len(patients),
        "callers": chosen.workers,
        "cards": sum(cards for _, cards in measured),
        **{f"p{p}_ms": round(float(np.percentile(milliseconds, p)), 1) for p in (50, 95, 99)},
        "max_ms": round(float(milliseconds.max()), 1),
        "target_p95_ms": TARGET_MS,
    }
    print(json.dumps(result))
    return int(result["p95_ms"] > TARGET_MS)


def _lines(file: Path) -> Iterator[dict[str, object]]:
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield orjson.loads(line)


@contextmanager
def _serving(services: Services) -> Iterator[str]:
    app = Starlette(routes=cds_routes(services))
    config = uvicorn.Config(app, "127.0.0.1", 0, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="cds")
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def _call(client: httpx.Client, patient: str) -> tuple[float, int]:
    """Seconds that the caller waited, and cards that came."""
    body = {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/1", "patientId": patient},
    }
    begun = time.perf_counter()
    answer = client.post(f"/cds-services/{_SERVICE}", json=body)
    seconds = time.perf_counter() - begun
    answer.raise_for_status()
    return seconds, len(answer.json()["cards"])


if __name__ == "__main__":
    sys.exit(main())
