"""Risk profiles in the database: one for each reading whose patient's record was used."""

import time
from functools import cache

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, select

from clinical_ai.risk.profile import RiskProfile
from clinical_ai.store.tables import risk_profile


@cache
def _adapter() -> TypeAdapter[RiskProfile]:
    return TypeAdapter(RiskProfile)


def profile_to_json(profile: RiskProfile) -> str:
    """Return a profile as JSON text."""
    return _adapter().dump_json(profile).decode()


def profile_from_json(text: str) -> RiskProfile:
    """Return the profile written by `profile_to_json`."""
    return _adapter().validate_json(text)


def keep_profile(
    connection: Connection, reading_id: str, profile: RiskProfile, *, origin: str
) -> None:
    """Store the profile of a reading, in place of the one of an attempt that was not finished.

    Parameters
    ----------
    origin
        Store or server of the record.
    """
    connection.execute(delete(risk_profile).where(risk_profile.c.reading_id == reading_id))
    connection.execute(
        insert(risk_profile).values(
            reading_id=reading_id,
            person=profile.person,
            origin=origin,
            on_day=profile.on.isoformat(),
            body=profile_to_json(profile),
            made_at=time.time(),
        )
    )


def profile_of_reading(connection: Connection, reading_id: str) -> RiskProfile | None:
    """Return the profile that was made with a reading; None if there is none."""
    body = connection.execute(
        select(risk_profile.c.body).where(risk_profile.c.reading_id == reading_id)
    ).scalar_one_or_none()
    return None if body is None else profile_from_json(body)


def newest_profile(connection: Connection, person: str, origin: str) -> RiskProfile | None:
    """Return the profile of a person with the latest day; None if there is none."""
    body = connection.execute(
        select(risk_profile.c.body)
        .where(risk_profile.c.person == person, risk_profile.c.origin == origin)
        .order_by(risk_profile.c.on_day.desc(), risk_profile.c.made_at.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if body is None else profile_from_json(body)
