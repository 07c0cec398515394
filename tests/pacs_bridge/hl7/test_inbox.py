"""What becomes of a message: applied once, answered after the commit, kept when it is bad."""

import hl7
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from pacs_bridge.hl7.inbox import Inbox, InboxPolicy, list_incoming
from pacs_bridge.hl7.tables import hl7_incoming, imaging_order
from tests.pacs_bridge.hl7.messages import merge, omi, orm

POLICY = InboxPolicy(allowed_senders=("RIS|HOSP", "HIS"), ignored=("DFT",))


def answer(inbox: Inbox, message: str | bytes) -> hl7.Message:
    raw = message if isinstance(message, bytes) else message.encode()
    return hl7.parse(inbox.accept(raw, "10.0.0.9").decode())


def code(message: hl7.Message) -> str:
    return str(message.segment("MSA")[1])


def condition(message: hl7.Message) -> str:
    """The code of table 0357, wherever the version puts it."""
    err = message.segment("ERR")
    return str(err[1][0][3][0]) if len(err) == 2 else str(err[3][0][0])


def states(engine) -> list[tuple[str, int]]:
    return [(m.state, m.times) for m in reversed(list_incoming(engine))]


def orders(engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(imaging_order)).all())


def test_an_order_is_stored_applied_and_accepted(engine):
    reply = answer(Inbox(engine, POLICY), orm())
    msh = reply.segment("MSH")
    assert code(reply) == "AA"
    assert [str(msh[n]) for n in (3, 4, 5, 6)] == ["AI", "H", "RIS", "HOSP"]
    assert str(msh[9]) == "ACK^O01"
    assert str(msh[12]) == "2.3.1"
    assert str(reply.segment("MSA")[2]) == "M1"
    (row,) = list_incoming(engine)
    assert (row.state, row.message_type, row.control_id) == ("applied", "ORM^O01", "M1")
    with engine.connect() as connection:
        body = connection.execute(select(hl7_incoming.c.body)).scalar_one()
    assert bytes(body).decode() == orm()


def test_the_same_message_again_is_accepted_and_not_applied(engine):
    inbox = Inbox(engine, POLICY)
    answer(inbox, orm())
    answer(inbox, orm(control="CA", control_id="M2"))
    assert code(answer(inbox, orm())) == "AA"
    assert states(engine) == [("applied", 2), ("applied", 1)]
    with engine.connect() as connection:
        assert connection.execute(select(imaging_order.c.state)).scalar_one() == "cancelled"


def test_another_message_with_a_known_control_id_is_refused_and_kept(engine):
    inbox = Inbox(engine, POLICY)
    answer(inbox, orm())
    reply = answer(inbox, orm(accession="ACC2"))
    assert (code(reply), condition(reply)) == ("AE", "205")
    assert states(engine) == [("applied", 1), ("quarantined", 1)]
    assert code(answer(inbox, orm(accession="ACC2", sender="HIS|X"))) == "AA"


@pytest.mark.parametrize(
    ("message", "verdict", "reason"),
    [
        (orm(sender="OTHER|HOSP"), "AR", "103"),
        (orm(sender="RIS|ELSEWHERE"), "AR", "103"),
        (orm(processing="T"), "AR", "202"),
        (orm(version="3.0"), "AR", "203"),
        (orm(kind="ORU^R01"), "AR", "200"),
        (orm(kind="ORM^O99"), "AR", "201"),
        (orm(control="ZZ"), "AE", "103"),
        (orm(kind=""), "AE", "102"),
        (orm().encode("gb18030"), "AE", "102"),
        (orm() + "\r中文", "AE", "102"),
        (b"\x00\xff\xfe hostile", "AE", "102"),
        (b"", "AE", "102"),
    ],
)
def test_what_is_not_taken_is_answered_and_quarantined(engine, message, verdict, reason):
    inbox = Inbox(engine, POLICY)
    for times in (1, 2):
        reply = answer(inbox, message)
        assert (code(reply), condition(reply)) == (verdict, reason)
        assert states(engine) == [("quarantined", times)]
    (row,) = list_incoming(engine)
    assert row.reason
    assert "张" not in row.reason
    assert orders(engine) == 0


def test_a_message_that_cannot_be_read_is_still_named_in_the_answer(engine):
    reply = answer(Inbox(engine, POLICY), orm(control_id="M77").encode("gb18030"))
    assert str(reply.segment("MSA")[2]) == "M77"


def test_a_quarantined_message_is_taken_once_the_site_allows_it(engine):
    assert code(answer(Inbox(engine, POLICY), orm(sender="NEW|H"))) == "AR"
    assert code(answer(Inbox(engine, InboxPolicy()), orm(sender="NEW|H"))) == "AA"
    assert states(engine) == [("applied", 2)]
    assert orders(engine) == 1


def test_a_merge_needs_a_person_and_others_are_ignored_as_set(engine):
    inbox = Inbox(engine, POLICY)
    assert code(answer(inbox, merge())) == "AA"
    assert code(answer(inbox, orm(kind="DFT^P03", control_id="D1"))) == "AA"
    assert states(engine) == [("attention", 1), ("ignored", 1)]
    assert orders(engine) == 0


def test_half_a_message_of_orders_is_none(engine):
    bad = orm() + "\rORC|ZZ|PL2\rOBR|1|PL2"
    assert code(answer(Inbox(engine, POLICY), bad)) == "AE"
    assert orders(engine) == 0


@pytest.mark.parametrize(
    ("modes", "good", "bad"),
    [
        ("|", "AA", "AE"),
        ("AL|NE", "CA", "CE"),
        ("NE|AL", "AA", "AE"),
        ("AL|AL", "CA", "CE"),
        ("NE|NE", None, None),
        ("ER|NE", None, "CE"),
        ("SU|NE", "CA", None),
        ("|ER", None, "AE"),
    ],
)
def test_the_acknowledgement_that_was_asked_for(engine, modes, good, bad):
    inbox = Inbox(engine, POLICY)
    for message, expected in (
        (orm(modes=modes), good),
        (orm(modes=modes, control="ZZ", control_id="M2"), bad),
    ):
        reply = inbox.accept(message.encode(), "h")
        assert (None if reply is None else code(hl7.parse(reply.decode()))) == expected


def test_since_2_5_the_error_segment_has_codes(engine):
    reply = answer(Inbox(engine, POLICY), omi().replace("ORC|NW", "ORC|ZZ"))
    err = reply.segment("ERR")
    assert code(reply) == "CE"
    assert str(err[2]) == "ORC^1^1"
    assert str(err[3]) == "103^Table value not found^HL70357"
    assert str(err[4]) == "E"
    assert "ORC-1" in str(err[8])


@pytest.mark.parametrize("name", ["UNICODE UTF-8", "GB 18030-2000"])
def test_the_answer_is_in_the_character_set_of_the_message(engine, name):
    codec = "utf-8" if "UTF" in name else "gb18030"
    message = orm(character_set=name, sender="放射|医院").encode(codec)
    reply = Inbox(engine, InboxPolicy()).accept(message, "h").decode(codec)
    assert "|放射|医院|" in reply
    assert f"|{name}\r" in reply


def test_without_its_database_a_message_is_to_be_sent_again(sqlite_engine):
    inbox = Inbox(sqlite_engine, POLICY)
    with sqlite_engine.begin() as connection:
        connection.execute(text("DROP TABLE hl7_incoming"))
    reply = answer(inbox, orm())
    assert (code(reply), condition(reply)) == ("AR", "207")


SEGMENTS = st.sampled_from(orm().split("\r") + omi().split("\r")[1:] + merge().split("\r")[1:])
MUTATED = st.lists(SEGMENTS, max_size=6).flatmap(
    lambda lines: st.text(st.sampled_from("|^~\\&\r\nXAZ09中\x00\"'"), max_size=20).map(
        lambda noise: "\r".join([orm().split("\r")[0] + noise, *lines, noise])
    )
)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.binary(max_size=300) | MUTATED.map(str.encode))
def test_any_bytes_are_answered_and_kept(sqlite_engine, raw):
    inbox = Inbox(sqlite_engine, InboxPolicy())
    reply = inbox.accept(raw, "h")
    if reply is not None:
        assert b"MSA|" in reply.replace(reply[3:4], b"|")
    with sqlite_engine.connect() as connection:
        kept = connection.execute(select(hl7_incoming.c.id).where(hl7_incoming.c.body == raw)).all()
    assert len(kept) == 1
