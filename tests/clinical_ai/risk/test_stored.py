"""Risk profiles in the database."""

from dataclasses import replace
from datetime import date

from clinical_ai.risk.assess import assess_risk
from clinical_ai.risk.stored import keep_profile, newest_profile, profile_of_reading
from clinical_ai.store.migrate import migrate
from pacs_bridge.database import open_engine, writing
from tests.support.clinical_records import healthy_measurements, record, smokes

PERSON = record(smoking=smokes("never"), measurements=healthy_measurements())


def test_a_profile_is_kept_once_a_reading_and_found_by_reading_and_person(database_url):
    engine = open_engine(database_url)
    migrate(engine)
    older = assess_risk(PERSON, date(2026, 7, 1))
    newer = assess_risk(PERSON, date(2026, 11, 1))
    unfinished = replace(newer, stale=("waist",))
    with writing(engine) as connection:
        keep_profile(connection, "r2", unfinished, origin="local")
        keep_profile(connection, "r2", newer, origin="local")
        keep_profile(connection, "r1", older, origin="local")
        keep_profile(connection, "r3", older, origin="his")
    with engine.connect() as connection:
        assert profile_of_reading(connection, "r2") == newer
        assert profile_of_reading(connection, "r9") is None
        assert newest_profile(connection, PERSON.person, "local") == newer
        assert newest_profile(connection, PERSON.person, "his") == older
        assert newest_profile(connection, "p9", "local") is None
    engine.dispose()
