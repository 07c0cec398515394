"""Earlier studies of the same patient: those at hand, and those to fetch from other archives.

Asking and fetching are given a short time, so that a PACS that is slow or away delays a
reading by seconds, never stops it. What arrives later is at hand for the next reading.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Engine, select

from clinical_ai.errors import SettingsError
from clinical_ai.messages import N_, Message
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from clinical_ai.sources import source_named
from clinical_ai.store.routing import find_actions
from pacs_bridge.database import writing
from pacs_bridge.errors import BridgeError
from pacs_bridge.retrieve.comparable import image_modalities
from pacs_bridge.retrieve.matches import StudyMatch, StudyQuery
from pacs_bridge.retrieve.priors import StudyFacts, may_be_prior, select_priors
from pacs_bridge.retrieve.retrievals import Wanted, find_retrieval, want
from pacs_bridge.retrieve.source import StudySource
from pacs_bridge.tables import series, study

_log = structlog.get_logger(__name__)

ALL = 10_000
_MAX_LOOKUPS = 10  # studies of a peer whose series are asked for their body part
_POLL_SECONDS = 0.25

NOT_ASKED = N_("Earlier studies could not be looked for: {peer} did not answer in time.")
NOT_ARRIVED = N_("Earlier studies that were wanted for comparison have not arrived: {count}.")


@dataclass(frozen=True, slots=True)
class Priors:
    """What is at hand to compare a study with, and what is not.

    Parameters
    ----------
    at_hand
        UIDs of earlier studies in the archive that can be compared, the best first.
    same_modality
        How many of them are of a modality of the study.
    missing
        How many more were wanted and had not arrived.
    unanswered
        Names of peers that did not say in time which earlier studies they have.
    """

    at_hand: tuple[str, ...] = ()
    same_modality: int = 0
    missing: int = 0
    unanswered: tuple[str, ...] = ()

    def cautions(self) -> tuple[Message, ...]:
        """Return what a reader of the result should know."""
        missing = (Message(NOT_ARRIVED, {"count": self.missing}),) if self.missing else ()
        return (*(Message(NOT_ASKED, {"peer": name}) for name in self.unanswered), *missing)


def earlier_studies(engine: Engine, study_uid: str) -> Priors:
    """Return the earlier studies in the archive that can be compared.

    Who is the same patient, and what can be compared, is in `pacs_bridge.retrieve.priors`.
    """
    current = archived_facts(engine, study_uid)
    return Priors() if current is None else _at_hand(engine, current)


def gather_priors(services: Services, study_uid: str, content_version: str) -> Priors:
    """Look for earlier studies as routing or settings say, and wait a little for them."""
    engine = services.engine
    count, peers = _wish(services, study_uid, content_version)
    current = archived_facts(engine, study_uid)
    if current is None or not current.patient_id or not peers or not count:
        return earlier_studies(engine, study_uid)
    deadline = time.monotonic() + services.settings.priors.wait_seconds
    sources, unknown = _sources(services.settings, peers)
    found, unanswered = _ask_all(sources, current, deadline)
    unanswered = (*unknown, *unanswered)
    candidates = [*archived_candidates(engine, current), *found]
    chosen = select_priors(current, candidates, count)
    ids = _want(services, study_uid, [facts for facts in chosen if facts.peer])
    _wait_for(engine, ids, deadline)
    present = _at_hand(engine, current)
    missing = sum(facts.study_uid not in present.at_hand for facts in chosen)
    _log.info(
        "priors.gathered",
        study=study_uid,
        at_hand=len(present.at_hand),
        fetched=len(ids),
        missing=missing,
        unanswered=list(unanswered),
    )
    return replace(present, missing=missing, unanswered=unanswered)


def _at_hand(engine: Engine, current: StudyFacts) -> Priors:
    found = select_priors(current, archived_candidates(engine, current), ALL)
    same = sum(
        bool(image_modalities(f.modalities) & image_modalities(current.modalities)) for f in found
    )
    return Priors(tuple(facts.study_uid for facts in found), same)


def archived_facts(engine: Engine, study_uid: str) -> StudyFacts | None:
    """Return what the archive knows of a study; None if it has none of it."""
    with engine.connect() as connection:
        row = connection.execute(
            select(study).where(study.c.study_instance_uid == study_uid)
        ).one_or_none()
        if row is None:
            return None
        of_study = connection.execute(
            select(series.c.body_part_examined, series.c.series_description).where(
                series.c.study_instance_uid == study_uid
            )
        ).all()
    return StudyFacts(
        study_uid=row.study_instance_uid,
        patient_id=row.patient_id,
        issuer_of_patient_id=row.issuer_of_patient_id,
        patient_birth_date=row.patient_birth_date,
        patient_sex=row.patient_sex,
        study_date=row.study_date,
        modalities=frozenset(m for m in row.modalities.split(",") if m),
        body_parts=frozenset(s.body_part_examined for s in of_study if s.body_part_examined),
        descriptions=(row.study_description, *(s.series_description for s in of_study)),
    )


def archived_candidates(engine: Engine, current: StudyFacts) -> list[StudyFacts]:
    """Return what the archive knows of other studies with the patient ID."""
    if not current.patient_id:
        return []
    query = select(study.c.study_instance_uid).where(
        study.c.patient_id == current.patient_id,
        study.c.study_instance_uid != current.study_uid,
    )
    with engine.connect() as connection:
        uids = list(connection.execute(query).scalars())
    facts = (archived_facts(engine, uid) for uid in uids)
    return [one for one in facts if one is not None]


def _wish(services: Services, study_uid: str, content_version: str) -> tuple[int, tuple[str, ...]]:
    """How many priors are wanted, and from which peers."""
    with services.engine.connect() as connection:
        wish = find_actions(connection, study_uid, content_version).priors
    if wish is not None:
        return wish.count, (wish.peer,)
    return services.settings.priors.count, services.settings.priors.peers


def _sources(settings: Settings, peers: Sequence[str]) -> tuple[list[StudySource], tuple[str, ...]]:
    """Return the peers, and the names of those that are gone since a rule was decided by."""
    sources: list[StudySource] = []
    unknown: list[str] = []
    for name in peers:
        try:
            sources.append(source_named(settings, name))
        except SettingsError:
            _log.warning("priors.unknown_peer", peer=name)
            unknown.append(name)
    return sources, tuple(unknown)


def _ask_all(
    sources: Sequence[StudySource], current: StudyFacts, deadline: float
) -> tuple[list[StudyFacts], tuple[str, ...]]:
    """Ask the peers side by side; returns what they have and who did not answer in time."""
    if not sources:
        return [], ()
    # Not a context: leaving one would wait for the slowest peer.
    pool = ThreadPoolExecutor(len(sources), thread_name_prefix="find-priors")
    asked: list[tuple[StudySource, Future[list[StudyFacts]]]] = [
        (source, pool.submit(_ask, source, current)) for source in sources
    ]
    pool.shutdown(wait=False)
    wait([future for _, future in asked], timeout=max(0.0, deadline - time.monotonic()))
    found: list[StudyFacts] = []
    unanswered: list[str] = []
    for source, future in asked:
        if not future.done():
            unanswered.append(source.name)
            continue
        try:
            found.extend(future.result())
        except BridgeError as error:
            _log.warning("priors.not_answered", peer=source.name, reason=str(error))
            unanswered.append(source.name)
    return found, tuple(unanswered)


def _ask(source: StudySource, current: StudyFacts) -> list[StudyFacts]:
    """Return the studies of the patient that a peer has and that may be priors."""
    query = StudyQuery(patient_id=current.patient_id, date_to=current.study_date)
    found = [_facts(match) for match in source.find_studies(query)]
    possible = [facts for facts in found if may_be_prior(current, facts)]
    possible.sort(key=lambda facts: facts.study_date, reverse=True)
    lookups = 0
    complete: list[StudyFacts] = []
    for facts in possible:
        if not facts.regions and lookups < _MAX_LOOKUPS:
            lookups += 1
            complete.append(_with_series(source, facts))
        else:
            complete.append(facts)
    return complete


def _facts(match: StudyMatch) -> StudyFacts:
    return StudyFacts(
        study_uid=match.study_uid,
        patient_id=match.patient_id,
        issuer_of_patient_id=match.issuer_of_patient_id,
        patient_birth_date=match.patient_birth_date,
        patient_sex=match.patient_sex,
        study_date=match.study_date,
        modalities=frozenset(match.modalities),
        descriptions=(match.study_description,),
        peer=match.peer,
    )


def _with_series(source: StudySource, facts: StudyFacts) -> StudyFacts:
    found = source.find_series(facts.study_uid)
    return replace(
        facts,
        modalities=facts.modalities | {s.modality for s in found if s.modality},
        body_parts=frozenset(s.body_part_examined for s in found if s.body_part_examined),
        descriptions=(*facts.descriptions, *(s.series_description for s in found)),
    )


def _want(services: Services, study_uid: str, chosen: Sequence[StudyFacts]) -> list[int]:
    with writing(services.engine) as connection:
        return [
            want(connection, Wanted(facts.study_uid, facts.peer, "prior", for_study_uid=study_uid))
            for facts in chosen
        ]


def _wait_for(engine: Engine, retrieval_ids: Sequence[int], deadline: float) -> None:
    """Return when every retrieval is done or given up, or at the deadline."""
    while retrieval_ids and time.monotonic() < deadline:
        with engine.connect() as connection:
            states = {find_retrieval(connection, i).state for i in retrieval_ids}
        if states <= {"done", "failed"}:
            return
        time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
