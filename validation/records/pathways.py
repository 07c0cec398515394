"""How many people of a set of FHIR records stand where on the care pathways, and how fast.

    python -m validation.records.pathways FOLDER [--on 2021-01-01]

FOLDER holds bundles or NDJSON, as for ``clinical-ai records import``. The day should lie near the
end of the data: later, everything is overdue.
"""

import argparse
import tempfile
import time
from collections import Counter
from contextlib import closing
from datetime import date
from pathlib import Path

from clinical_ai.follow_up import Standing, rules_in_force, standings
from clinical_ai.records.importing import import_files
from clinical_ai.records.store import RecordStore
from clinical_ai.services import open_services
from clinical_ai.settings import Settings


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--on", type=date.fromisoformat, default=date.today())  # noqa: DTZ011
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_services(Settings(data_dir=Path(folder)))) as services,
    ):
        store = RecordStore(services.engine)
        for report in import_files(services.engine, [chosen.folder]):
            print(report.name, report.state)
        rules = rules_in_force(services.settings)
        persons = store.persons()
        begin = time.perf_counter()
        found = list(standings(services, rules, chosen.on, persons=persons))
        seconds = time.perf_counter() - begin
    print(f"{len(found)} people on {chosen.on}, {seconds / max(len(found), 1) * 1000:.1f} ms each")
    show(found)


def show(found: list[Standing]) -> None:
    """Print places, stages, goals and what is overdue, by pathway."""
    for number, pathway in enumerate(s.pathway for s in found[0].states):
        states = [one.states[number] for one in found]
        places = Counter(s.place for s in states)
        print(f"\n{pathway.title.en}: {dict(places)}")
        stages = Counter(s.stage.id if s.stage else "?" for s in states if s.place == "on")
        for stage in pathway.stages:
            print(f"  {stage.phase:20} {stage.id:24} {stages[stage.id]:5}")
        goals = Counter(g.status for s in states for g in s.goals)
        late = Counter(d.status for s in states for d in s.schedule)
        print(f"  goals {dict(goals)}; visits and tests {dict(late)}")
    print("\nalarms:", dict(Counter(a.rule for one in found for a in one.alarms)))


if __name__ == "__main__":
    main()
