"""Alembic environment; run through `clinical_ai.store.migrate`."""

from alembic import context
from sqlalchemy import Engine

import pacs_bridge.hl7.tables  # noqa: F401 - adds its tables to those of the bridge
from clinical_ai.store import tables as clinical_tables
from pacs_bridge import tables as bridge_tables

engine: Engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=[bridge_tables.metadata, clinical_tables.metadata],
        render_as_batch=True,  # SQLite alters tables by copying them
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
