from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from clinical_ai.store import tables
from clinical_ai.store.migrate import migrate
from pacs_bridge import tables as bridge_tables
from pacs_bridge.database import open_engine


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
