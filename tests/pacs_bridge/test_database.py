"""Both databases behave alike."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from pacs_bridge.database import Prepared, insert_or_ignore, open_engine, writing
from pacs_bridge.tables import instance, study

ROW = {
    "study_instance_uid": "1.2",
    "created_at": 0.0,
    "last_received_at": 0.0,
    "state": "receiving",
}


def test_sqlite_is_durable_and_waits(sqlite_engine):
    with sqlite_engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 30_000,
        "foreign_keys": 1,
    }


def test_the_plain_postgresql_url_takes_the_installed_driver():
    assert open_engine("postgresql://u@localhost/x").dialect.driver == "psycopg"


def test_insert_or_ignore_keeps_the_first(engine):
    with writing(engine) as connection:
        assert insert_or_ignore(connection, study, ROW)
        assert not insert_or_ignore(connection, study, {**ROW, "patient_id": "other"})
        assert connection.execute(select(study.c.patient_id)).scalar() == ""


def test_an_error_rolls_back(engine):
    with pytest.raises(RuntimeError), writing(engine) as connection:
        connection.execute(study.insert().values(ROW))
        raise RuntimeError
    with engine.connect() as connection:
        assert connection.execute(select(study)).first() is None


@pytest.mark.parametrize("values", [{"state": "lost"}, {"state": None}])
def test_states_are_checked(engine, values):
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(study.insert().values({**ROW, **values}))


def test_an_error_does_not_quote_the_values(engine):
    with pytest.raises(IntegrityError) as caught, writing(engine) as connection:
        connection.execute(
            study.insert().values({**ROW, "patient_name": "Zhang^San", "state": "x"})
        )
    assert "hidden" in str(caught.value)
    if engine.dialect.name == "sqlite":  # PostgreSQL itself tells the row that it refuses
        assert "Zhang" not in str(caught.value)


def test_foreign_keys_are_enforced(engine):
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(
            instance.insert().values(
                sop_instance_uid="1",
                series_instance_uid="2",
                study_instance_uid="3",
                sop_class_uid="4",
                transfer_syntax_uid="5",
                path="x",
                size_bytes=1,
                sha256="",
                calling_ae_title="",
                received_at=0.0,
            )
        )


def test_transactions_that_read_and_then_write_do_not_lose_updates(engine):
    with writing(engine) as connection:
        connection.execute(study.insert().values(ROW))

    def add_one(_):
        with writing(engine) as connection:
            query = select(study.c.content_sequence).with_for_update()
            present = connection.execute(query).scalar_one()
            connection.execute(update(study).values(content_sequence=present + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(40)))
    with engine.connect() as connection:
        assert connection.execute(select(study.c.content_sequence)).scalar() == 40


def test_a_prepared_statement_does_what_the_statement_does(engine):
    add = Prepared(study.insert().values(dict.fromkeys(ROW, None)))
    find = Prepared(
        select(study.c.study_instance_uid).where(study.c.study_instance_uid == bindparam("uid"))
    )
    with writing(engine) as connection:
        add.run(connection, [ROW])
        add.run(connection, [{**ROW, "study_instance_uid": uid} for uid in ("1.3", "1.4")])
        found = [find.run(connection, [{"uid": u}]).scalar() for u in ("1.2", "1.4", "1.5")]
        with pytest.raises(IntegrityError):
            add.run(connection, [ROW])
    assert found == ["1.2", "1.4", None]
