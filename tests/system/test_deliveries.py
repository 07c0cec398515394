"""Results to a real PACS that commits to keep them and sends them back, corrected."""

import json
import sys

import pytest
from sqlalchemy import func, select

from clinical_ai.demo.phantom import make_chest_phantom
from pacs_bridge.send import send
from pacs_bridge.tables import delivery, instance, quarantine
from tests.support.orthanc import orthanc
from tests.support.processes import REPOSITORY, free_port, started, wait_for
from tests.support.site import Site, newest

pytestmark = pytest.mark.slow
WORKER = [sys.executable, str(REPOSITORY / "tests/support/worker_that_dies.py")]


def test_committed_and_no_loop_when_the_pacs_corrects_the_patient(tmp_path):
    port = free_port()
    us = {"AET": "CLINICALAI", "Host": "127.0.0.1", "Port": port}
    with orthanc(tmp_path / "orthanc", more={"DicomModalities": {"us": us}}) as server:
        pacs = {
            "ae_title": "ORTHANC",
            "host": "127.0.0.1",
            "port": server.dicom_port,
            "storage_commitment": True,
        }
        site = Site(
            tmp_path,
            server.dicom_port,
            listener_port=port,
            results=("SR", "SEG", "SC", "GSPS"),
            more={"CLINICAL_AI_PEERS": json.dumps({"pacs": pacs})},
        )
        truth = make_chest_phantom(
            tmp_path / "ct", slices=16, rows=64, spacing_mm=(5.0, 5.6, 5.6), nodules=()
        )
        with site.listener(), started(WORKER, tmp_path / "worker.log", site.environment):
            assert not send(truth.files, site.listener_peer, calling_ae_title="CT1").failed
            with site.engine() as engine:
                wait_for(lambda: len(states(engine)) == 4, "deliveries", seconds=90)
                wait_for(lambda: set(states(engine)) == {"sent"}, "commitment", seconds=60)
                assert committed(engine) == 4
                results = server.instances()
                before = newest(engine, truth.study_uid)
                for identifier in server.get("/instances"):
                    send_back(server, identifier)
                    send_back(server, identifier, corrected={"PatientName": "Corrected^Name"})
                assert own(engine) == results.keys()
                assert quarantined(engine) == 0
                assert newest(engine, truth.study_uid) == before
                assert len(states(engine)) == 4
                assert before.instances == len(truth.files)


def send_back(server, identifier: str, corrected: dict[str, str] | None = None) -> None:
    if corrected is None:
        server.send("POST", "/modalities/us/store", [identifier])
        return
    kept = ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"]
    change = {"Replace": corrected, "Keep": kept, "Force": True}
    modify = f"/instances/{identifier}/modify"
    changed = server.exchange("POST", modify, json.dumps(change).encode())
    server.send("DELETE", f"/instances/{identifier}", None)
    stored = json.loads(server.exchange("POST", "/instances", changed))
    server.send("POST", "/modalities/us/store", [stored["ID"]])


def states(engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(delivery.c.state)).scalars())


def committed(engine) -> int:
    asked = delivery.c.commitment_uid.is_not(None)
    with engine.connect() as connection:
        return connection.execute(
            select(func.count()).select_from(delivery).where(asked)
        ).scalar_one()


def own(engine) -> set[str]:
    with engine.connect() as connection:
        query = select(instance.c.sop_instance_uid).where(instance.c.own_result)
        return set(connection.execute(query).scalars())


def quarantined(engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(quarantine)).scalar_one()
