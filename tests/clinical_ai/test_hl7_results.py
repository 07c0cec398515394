"""Which results a RIS is told of, and when."""

from dataclasses import replace

import hl7
import pytest
from sqlalchemy import select

from clinical_ai.hl7_results import enqueue_results, final_messages, preliminary_messages
from clinical_ai.hl7_settings import Hl7PeerSettings, Hl7Settings
from clinical_ai.reports.sr import Signer
from clinical_ai.routing import route
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.store.tables import reading as reading_table
from clinical_ai.store.tables import signature, study_read
from pacs_bridge.assembly import StudyVersion
from pacs_bridge.database import writing
from pacs_bridge.hl7.er7 import parse
from pacs_bridge.hl7.order_index import keep_order
from pacs_bridge.hl7.orders import read_orders
from pacs_bridge.hl7.outgoing import list_outgoing
from pacs_bridge.routing.rules import RuleSet
from tests.pacs_bridge.hl7.messages import orm
from tests.support.ct_series import STUDY_UID, lung_reading
from tests.support.rows import add_study

SIGNER = Signer("li", "李医生", "H", 1795509000.5)
VERDICTS = {"1": ("accepted", ""), "2": ("rejected", "vessel")}
PEERS = {
    "ris": Hl7PeerSettings(host="ris", port=2575),
    "old": Hl7PeerSettings(
        host="old", port=2576, version="2.3.1", character_set="8859/1", results=("final",)
    ),
}


@pytest.fixture
def services(tmp_path):
    opened = open_services(Settings(data_dir=tmp_path, hl7=Hl7Settings(peers=PEERS)))
    yield opened
    opened.close()


@pytest.fixture
def study(services):
    add_study(services.engine, STUDY_UID, accession_number="ACC1", patient_id="P1")


def sign_another(services, reading_id: str) -> None:
    """Another reading of the study, signed earlier."""
    with writing(services.engine) as connection:
        connection.execute(
            reading_table.insert().values(
                id=reading_id,
                study_uid=STUDY_UID,
                content_version="v0",
                reader="lung_nodule",
                body="{}",
                created_at=1.0,
            )
        )
        connection.execute(
            signature.insert().values(
                reading_id=reading_id,
                username="li",
                full_name="李医生",
                signed_at=1.0,
                sr_sop_instance_uid="2.25.9",
            )
        )


def place(services, message: str) -> None:
    with writing(services.engine) as connection:
        for order in read_orders(parse(message)):
            keep_order(connection, order)


def test_each_peer_gets_the_results_it_wants(services, study):
    (early,) = preliminary_messages(services, lung_reading(), "2.25.1")
    assert early.peer_name == "ris"
    assert "肺结节" in early.body.decode()
    late = {
        m.peer_name: m for m in final_messages(services, lung_reading(), VERDICTS, SIGNER, "2.25.2")
    }
    assert late.keys() == {"ris", "old"}
    english = late["old"].body.decode("latin-1")
    assert "Nodule of lung" in english
    assert "|2.3.1|" in english
    assert {m.refused for m in (early, *late.values())} == {""}


def test_a_study_that_was_not_read_is_not_told(services, study):
    assert preliminary_messages(services, lung_reading(status="not_read"), "") == ()


def test_after_a_final_result_comes_a_correction_and_no_preliminary_one(services, study):
    sign_another(services, "earlier")
    assert preliminary_messages(services, lung_reading(), "2.25.1") == ()
    for message in final_messages(services, lung_reading(), VERDICTS, SIGNER, "2.25.2"):
        text = message.body.decode({"ris": "utf-8", "old": "latin-1"}[message.peer_name])
        assert str(hl7.parse(text).segment("OBR")[25]) == "C"


@pytest.mark.parametrize("columns", [{"accession_number": " "}, {"patient_id": ""}])
def test_a_result_that_the_ris_cannot_file_is_a_dead_letter(services, columns):
    add_study(services.engine, STUDY_UID, **{"accession_number": "ACC1", **columns})
    messages = preliminary_messages(services, lung_reading(), "2.25.1")
    with writing(services.engine) as connection:
        enqueue_results(connection, messages)
    (row,) = list_outgoing(services.engine)
    assert row.state == "dead"
    assert {"accession_number": "no accession number", "patient_id": "no patient ID"}[
        next(iter(columns))
    ] in row.last_error


def test_a_result_queued_twice_is_one_message(services, study):
    for _ in range(2):
        messages = preliminary_messages(services, lung_reading(), "2.25.1")
        with writing(services.engine) as connection:
            enqueue_results(connection, messages)
    assert len(list_outgoing(services.engine)) == 1


def test_only_the_order_of_the_same_patient_is_named(services, study):
    place(services, orm(patient="P2^^^HOSP"))
    (message,) = preliminary_messages(services, lung_reading(), "2.25.1")
    assert "PL1" not in message.body.decode()
    place(services, orm(placer="PL2", priority="S"))
    (message,) = preliminary_messages(services, lung_reading(), "2.25.1")
    assert "|PL2|" in message.body.decode()


def test_hl7_off_costs_nothing(services, study):
    off = replace(services, settings=services.settings.model_copy(update={"hl7": Hl7Settings()}))
    assert preliminary_messages(off, lung_reading(), "2.25.1") == ()
    assert final_messages(off, lung_reading(), VERDICTS, SIGNER, "2.25.2") == ()


@pytest.mark.parametrize(
    ("order", "priority"),
    [
        (orm(priority="S"), 1),
        (orm(priority="A"), 2),
        (orm(priority="R"), 3),
        (orm(priority="S", control="CA"), 3),
        (orm(priority="S", patient="P2"), 3),
        (orm(priority="S", accession="ACC2"), 3),
    ],
)
def test_an_urgent_order_raises_the_priority_of_its_study(services, study, order, priority):
    place(services, order)
    route(services, RuleSet(), StudyVersion(STUDY_UID, "v1", 1, ("CT",)))
    with services.engine.connect() as connection:
        stored = connection.execute(select(study_read.c.priority)).scalar_one()
    assert stored == priority
