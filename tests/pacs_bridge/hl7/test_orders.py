"""Orders: what is read, how it is kept, and when it belongs to a study."""

import pytest

from pacs_bridge.database import writing
from pacs_bridge.hl7.acknowledgement import NotAcceptedError
from pacs_bridge.hl7.er7 import parse
from pacs_bridge.hl7.order_index import find_order, keep_order, list_orders, order_of_study
from pacs_bridge.hl7.orders import read_orders
from pacs_bridge.tables import study
from tests.pacs_bridge.hl7.messages import omi, orm


def read(text: str, **options):
    return read_orders(parse(text), **options)


def keep(engine, text: str) -> None:
    with writing(engine) as connection:
        for order in read(text):
            keep_order(connection, order)


def found(engine, accession: str = "ACC1"):
    with engine.connect() as connection:
        return find_order(connection, accession)


def add_study(engine, uid: str, accession: str, patient_id: str, issuer: str = "") -> None:
    with writing(engine) as connection:
        connection.execute(
            study.insert().values(
                study_instance_uid=uid,
                accession_number=accession,
                patient_id=patient_id,
                issuer_of_patient_id=issuer,
                created_at=1.0,
                last_received_at=1.0,
                state="receiving",
            )
        )


def test_an_orm_is_read():
    (order,) = read(orm(priority="S"))
    assert (order.accession_number, order.placer_order_number, order.filler_order_number) == (
        "ACC1",
        "PL1",
        "FI1",
    )
    assert (order.patient_id, order.issuer_of_patient_id) == ("P1", "HOSP")
    assert order.patient_name == "Zhang^San=张^三"
    assert (order.patient_birth_date, order.patient_sex) == ("19600203", "M")
    assert (order.procedure_code, order.procedure_text) == ("CTCHEST", "胸部CT平扫")
    assert order.reason == "咳嗽两周"
    assert order.priority == "stat"
    assert order.ordering_provider == "D7^李^医"
    assert order.scheduled_at == "20260105093000"
    assert order.state == "open"


def test_an_omi_is_read():
    (order,) = read(omi())
    assert order.accession_number == "ACC9"
    assert (order.patient_id, order.issuer_of_patient_id) == ("P9", "HOSP")  # MR before NI
    assert order.patient_name == "王^小明"
    assert order.priority == "stat"
    assert order.reason == "结节\n复查"
    assert order.scheduled_at == "20260106100000"
    (other,) = read(omi(), assigning_authority="NATION")
    assert other.patient_id == "440100"


def test_several_orders_in_one_message():
    extra = "ORC|CA|PL2\rOBR|1|PL2||X^Y^L||||||||||||||ACC2\rOBR|2|PL3||X^Y^L||||||||||||||ACC3"
    orders = read(orm() + "\r" + extra)
    assert [(o.accession_number, o.state) for o in orders] == [
        ("ACC1", "open"),
        ("ACC2", "cancelled"),
        ("ACC3", "cancelled"),
    ]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (orm(patient="^^^HOSP"), "101"),
        (orm(control="ZZ"), "103"),
        (orm(accession="").replace("FI1", ""), "101"),
        ("\r".join(orm().split("\r")[:3]), "100"),
        (orm().replace("ORC|", "ZRC|"), "100"),
        (orm(accession="9" * 300), "102"),
    ],
)
def test_an_order_that_cannot_be_kept_is_named(text, condition):
    with pytest.raises(NotAcceptedError) as caught:
        read(text)
    assert caught.value.condition[0] == condition
    assert caught.value.verdict == "error"


def test_the_site_says_where_the_accession_number_is():
    (order,) = read(orm(accession=""))
    assert order.accession_number == "FI1"
    (order,) = read(orm(), accession_fields=["OBR-20"])
    assert order.accession_number == "SPS1"


def test_control_characters_do_not_reach_the_index(engine):
    keep(engine, orm(reason="a\\X00\\b\\X1B\\[2Jc\\.br\\d"))
    assert found(engine).reason == "ab[2Jc\nd"


def test_new_changed_cancelled(engine):
    keep(engine, orm())
    keep(engine, orm(control="XO", priority="S", reason=""))
    order = found(engine)
    assert (order.priority, order.reason, order.state) == ("stat", "咳嗽两周", "open")
    keep(engine, orm(control="SC", status="CM"))
    assert found(engine).state == "completed"
    keep(engine, orm(control="CA"))
    keep(engine, orm(control="XO"))
    assert found(engine).state == "cancelled"
    keep(engine, orm())
    assert found(engine).state == "open"


def test_an_order_does_not_change_its_patient(engine):
    keep(engine, orm())
    for other in ("P2^^^HOSP", "P1^^^ELSEWHERE"):
        with pytest.raises(NotAcceptedError, match="another patient"):
            keep(engine, orm(control="XO", patient=other))
    assert found(engine).patient_id == "P1"


def test_the_most_urgent_open_order_of_an_accession_number_is_found(engine):
    keep(engine, orm(placer="A", priority="S", control="CA"))
    keep(engine, orm(placer="B", priority="A"))
    keep(engine, orm(placer="C"))
    assert found(engine).placer_order_number == "B"
    assert found(engine, "") is None
    assert found(engine, "ACC") is None


def test_an_order_belongs_to_the_study_of_its_accession_number_and_patient(engine):
    keep(engine, orm())
    keep(engine, orm(accession="ACC2", placer="PL2"))
    keep(engine, orm(accession="ACC3", placer="PL3"))
    keep(engine, orm(accession="ACC4", placer="PL4"))
    add_study(engine, "1.1", "ACC1", "P1")
    add_study(engine, "1.2", "ACC2", "P2")
    add_study(engine, "1.3", "ACC3", "P1", issuer="OTHER")
    add_study(engine, "1.5", "", "P1")
    with engine.connect() as connection:
        agree = {
            uid: one and one.patient_agrees
            for uid in ("1.1", "1.2", "1.3", "1.5", "1.9")
            for one in [order_of_study(connection, uid)]
        }
    assert agree == {"1.1": True, "1.2": False, "1.3": False, "1.5": None, "1.9": None}
    listed = {one.order.accession_number: one.match for one in list_orders(engine)}
    assert listed == {
        "ACC1": "matched",
        "ACC2": "mismatch",
        "ACC3": "mismatch",
        "ACC4": "waiting",
    }
    assert [o.study_instance_uid for o in list_orders(engine, match="matched")] == ["1.1"]
