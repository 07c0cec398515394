"""The other readings of a study, which a new one replaces."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from clinical_ai.findings import Reading, reading_from_json
from clinical_ai.store.tables import reading as reading_table
from clinical_ai.store.tables import signature


@dataclass(frozen=True, slots=True)
class OtherReading:
    """A reading of the same study by the same reader.

    Parameters
    ----------
    signed_at
        Seconds since 1970 UTC; None when nobody signed it.
    """

    reading: Reading
    signed_at: float | None


def other_readings(connection: Connection, reading: Reading) -> tuple[OtherReading, ...]:
    """Return the other readings of the study by the same reader, the oldest first."""
    rows = connection.execute(
        select(reading_table.c.body, signature.c.signed_at)
        .outerjoin(signature, signature.c.reading_id == reading_table.c.id)
        .where(
            reading_table.c.study_uid == reading.study_uid,
            reading_table.c.reader == reading.reader,
            reading_table.c.id != reading.id,
        )
        .order_by(reading_table.c.created_at, reading_table.c.id)
    )
    return tuple(OtherReading(reading_from_json(r.body), r.signed_at) for r in rows)


def signed_before(connection: Connection, reading: Reading) -> bool:
    """Whether another reading of the study is signed."""
    row = connection.execute(
        select(signature.c.reading_id)
        .join(reading_table, reading_table.c.id == signature.c.reading_id)
        .where(
            reading_table.c.study_uid == reading.study_uid,
            signature.c.reading_id != reading.id,
        )
        .limit(1)
    ).first()
    return row is not None
