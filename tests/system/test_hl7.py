"""A RIS and the whole path: its order comes in, preliminary and final result go out."""

import json
import os
import subprocess
import sys
from contextlib import closing

import hl7
import pytest

from clinical_ai.accounts import add_account
from clinical_ai.demo.phantom import make_chest_phantom
from clinical_ai.review import decide, open_case, sign
from clinical_ai.services import open_services
from clinical_ai.settings import load_settings
from pacs_bridge.hl7.sender import Hl7Peer, MllpConnection
from pacs_bridge.send import send
from tests.pacs_bridge.hl7.messages import orm
from tests.support.processes import (
    REPOSITORY,
    answers,
    clinical_ai,
    free_port,
    started,
    storescp,
    wait_for,
)
from tests.support.scripted_ris import scripted_ris
from tests.support.site import Site, newest

pytestmark = pytest.mark.slow
WORKER = [sys.executable, str(REPOSITORY / "tests/support/worker_that_dies.py")]
PASSWORD = "correct horse battery"


def hl7_environment(ris_port: int, order_port: int) -> dict[str, str]:
    peer = {
        "host": "127.0.0.1",
        "port": ris_port,
        "application": "RIS",
        "facility": "HOSP",
        "character_set": "GB 18030-2000",
    }
    return {
        "CLINICAL_AI_HL7__PEERS": json.dumps({"ris": peer}),
        "CLINICAL_AI_HL7__RECEIVE__PORT": str(order_port),
        "CLINICAL_AI_HL7__RECEIVE__ALLOWED_SENDERS": json.dumps(["RIS|HOSP"]),
        "CLINICAL_AI_HL7__RECEIVE__ALLOWED_HOSTS": json.dumps(["127.0.0.1"]),
        "CLINICAL_AI_INSTITUTION": "市第一医院",
    }


def place(port: int, message: str) -> str:
    with MllpConnection(Hl7Peer("ai", "127.0.0.1", port)) as connection:
        return connection.exchange(message.encode(), message.split("|")[9]).code


def listed(site: Site, *command: str) -> list[dict[str, object]]:
    done = subprocess.run(
        clinical_ai("bridge", *command, "--json"),
        env={**os.environ, **site.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def value(message: hl7.Message, name: str, field: int) -> str:
    return str(message.segment(name)[field])


@pytest.fixture
def truth(tmp_path):
    return make_chest_phantom(
        tmp_path / "ct",
        slices=16,
        rows=64,
        spacing_mm=(5.0, 5.6, 5.6),
        nodules=(),
        patient_name="Zhang^San=张^三",
        character_set="ISO_IR 192",
    )


def headers(truth) -> tuple[str, str]:
    import pydicom

    image = pydicom.dcmread(truth.files[0], stop_before_pixels=True)
    return str(image.PatientID), str(image.AccessionNumber)


def test_order_preliminary_and_final_result(truth, tmp_path, monkeypatch):
    patient_id, accession = headers(truth)
    order_port = free_port()
    # At first the RIS does not know the study, then it hangs up, then it takes the message.
    with storescp(tmp_path / "pacs") as pacs_port, scripted_ris("AE", "close") as ris:
        site = Site(tmp_path, pacs_port, more=hl7_environment(ris.port, order_port))
        for name, text in site.environment.items():
            monkeypatch.setenv(name, text)
        with site.listener(), started(WORKER, tmp_path / "worker.log", site.environment):
            wait_for(lambda: answers(order_port), "the HL7 port")
            order = orm(accession=accession, patient=f"{patient_id}^^^HOSP^PI", priority="S")
            assert place(order_port, order) == "AA"
            other = orm(accession="OTHER", placer="PL2", control_id="M2", patient="P9")
            assert place(order_port, other) == "AA"
            assert place(order_port, orm(sender="X|Y", control_id="M3")) == "AR"
            assert not send(truth.files, site.listener_peer, calling_ae_title="CT1").failed
            wait_for(lambda: len(ris.received) >= 3, "the preliminary result")

            orders = {o["accession_number"]: o for o in listed(site, "orders")}
            assert orders[accession]["match"] == "matched"
            assert orders[accession]["study_uid"] == truth.study_uid
            assert orders[accession]["priority"] == "stat"
            assert orders["OTHER"]["match"] == "waiting"
            assert "张" not in json.dumps(orders, ensure_ascii=False)

            with closing(open_services(load_settings())) as services:
                row = newest(services.engine, truth.study_uid)
                li = add_account(services.engine, "li", "李医生", "radiologist", PASSWORD)
                case = open_case(services, truth.study_uid, row.content_version, li)
                assert case.order.patient_agrees
                assert case.order.order.reason == "咳嗽两周"
                decide(services, case.reading.id, "1", "accepted", "", li)
                signature = sign(services, case.reading.id, li, PASSWORD)
            wait_for(lambda: len(ris.received) >= 4, "the final result")
        _, queued = listed(site, "hl7", "queue", "--state", "sent")
        assert queued["attempts"] == 3

    first, *again, final = ris.received
    assert ris.raw[:3] == [ris.raw[0]] * 3
    assert len(again) == 2
    for message in (first, final):
        assert value(message, "MSH", 4) == "市第一医院"
        assert value(message, "PID", 3) == f"{patient_id}^^^^PI"
        assert value(message, "PID", 5).startswith("张^三")
        assert value(message, "ORC", 2) == "PL1"
        assert value(message, "OBR", 18) == accession
        assert value(message, "OBR", 4) == "CTCHEST^胸部CT平扫^L"
        assert "长径 9 mm" in str(message)
    assert value(first, "OBR", 25) == "P"
    assert value(final, "OBR", 25) == "F"
    assert value(final, "OBR", 32) == "li&李医生"
    assert signature.sr_sop_instance_uid in str(final)
    assert value(first, "MSH", 10) != value(final, "MSH", 10)


def test_a_worker_killed_after_the_result_sends_the_same_message_again(truth, tmp_path):
    with storescp(tmp_path / "pacs") as pacs_port, scripted_ris("hang") as ris:
        site = Site(tmp_path, pacs_port, more=hl7_environment(ris.port, free_port()))
        with site.listener():
            with started(WORKER, tmp_path / "worker.log", site.environment) as worker:
                assert not send(truth.files, site.listener_peer, calling_ae_title="CT1").failed
                wait_for(lambda: ris.received, "the result")
                worker.kill()
            with started(WORKER, tmp_path / "worker.log", site.environment):
                wait_for(lambda: len(ris.received) == 2, "the result again")
    assert ris.raw[0] == ris.raw[1]
