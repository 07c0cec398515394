from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text

import clinical_ai.store
from clinical_ai.store import tables
from clinical_ai.store.migrate import migrate
from pacs_bridge import tables as bridge_tables
from pacs_bridge.database import open_engine
from pacs_bridge.query import Level, find


def test_migrations_lead_to_the_tables_of_the_code(database_url):
    engine = open_engine(database_url)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        found = compare_metadata(context, [bridge_tables.metadata, tables.metadata])
    engine.dispose()
    assert found == []


def test_processes_that_start_together_migrate_once(database_url):
    engines = [open_engine(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, engines))
    with engines[0].connect() as connection:
        revisions = MigrationContext.configure(connection).get_current_heads()
    for engine in engines:
        engine.dispose()
    assert len(revisions) == 1


def test_names_archived_before_are_found_without_regard_to_case_and_a_way_back_exists(
    database_url,
):
    engine = open_engine(database_url)
    config = Config()
    folder = Path(clinical_ai.store.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.attributes["engine"] = engine
    command.upgrade(config, "0001")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO study (study_instance_uid, patient_name, created_at, "
                "last_received_at, state) VALUES ('1.2.3', 'Zhang^San=张^三', 0, 0, 'complete')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO series (series_instance_uid, study_instance_uid) VALUES ('1', '1.2.3')"
            )
        )
    command.upgrade(config, "head")
    assert len(find(engine, Level.STUDY, {"PatientName": "ZHANG*"})) == 1
    assert len(find(engine, Level.STUDY, {"PatientName": "张^三"})) == 1
    command.downgrade(config, "0001")
    command.upgrade(config, "head")
    assert len(find(engine, Level.STUDY, {"PatientName": "zhang^san"})) == 1
    engine.dispose()
