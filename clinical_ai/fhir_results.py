"""Results as FHIR: which servers are told what of a reading, queued with what they tell.

The patient is the one that matching found in the record of a server; no Patient is ever made.
A server that knows the patient not, or not surely, gets the number that the images hold.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, select

from clinical_ai.errors import ReportError
from clinical_ai.fhir_settings import LOCAL, FhirServerSettings
from clinical_ai.findings import Reading
from clinical_ai.record_settings import RecordSettings
from clinical_ai.records.outgoing import enqueue_transaction
from clinical_ai.records.store import RecordStore
from clinical_ai.reports import identity
from clinical_ai.reports.fhir import (
    Audited,
    PatientLink,
    Resource,
    Told,
    as_json,
    final_resources,
    preliminary_resources,
    risk_resources,
    transaction,
    unique,
)
from clinical_ai.reports.fhir.audit import told_of
from clinical_ai.reports.fhir.checks import faults
from clinical_ai.reports.signing import Signer, Verdicts
from clinical_ai.risk.profile import RiskProfile
from clinical_ai.risk.stored import profile_of_reading
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from clinical_ai.store.other_readings import OtherReading, other_readings
from clinical_ai.store.tables import audit_event
from clinical_ai.texts import Texts
from pacs_bridge.records import StudyRecord

_log = structlog.get_logger(__name__)

_URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+")
_Make = Callable[[Told, str], tuple[Resource, ...]]  # for a patient, and the receiver's name


@dataclass(frozen=True, slots=True)
class ResultTransaction:
    """One transaction for one server.

    Parameters
    ----------
    key
        The same whenever it is made, so that it is queued once.
    refused
        Why it must not be sent; it is then kept as a dead letter.
    """

    server: str
    key: str
    study_uid: str
    bundle: bytes
    refused: str


@dataclass(frozen=True, slots=True)
class FhirResults:
    """What is told of a reading.

    Parameters
    ----------
    local
        Resources for the local record store: the patient's record is there.
    """

    transactions: tuple[ResultTransaction, ...] = ()
    local: tuple[Resource, ...] = ()


def preliminary_fhir(services: Services, reading: Reading, sr_sop_instance_uid: str) -> FhirResults:
    """Return what is told of an unsigned reading, with the risk profile that was made with it.

    After a signed reading of the study its report stays as it is: the new one is told by its
    Observations until it is signed.
    """
    with services.engine.connect() as connection:
        others = other_readings(connection, reading)
        profile = profile_of_reading(connection, reading.id)

    def make(told: Told, receiver: str) -> tuple[Resource, ...]:
        results = preliminary_resources(
            told,
            reading,
            earlier=[o.reading for o in others if o.signed_at is None],
            report=not any(o.signed_at is not None for o in others),
        )
        return (*results, *_risks(told, reading, profile, receiver))

    return _results(services, reading, sr_sop_instance_uid, "preliminary", make)


def final_fhir(
    services: Services,
    reading: Reading,
    verdicts: Verdicts,
    signer: Signer,
    sr_sop_instance_uid: str,
) -> FhirResults:
    """Return what is told of a signed reading: final or corrected, with the trail of the study."""
    with services.engine.connect() as connection:
        others = other_readings(connection, reading)
        audited = _trail(connection, reading.study_uid, others)

    def make(told: Told, _receiver: str) -> tuple[Resource, ...]:
        return final_resources(
            told,
            reading,
            verdicts,
            signer,
            corrects=any(o.signed_at is not None for o in others),
            earlier=[o.reading for o in others],
            audited=audited,
        )

    return _results(services, reading, sr_sop_instance_uid, "final", make)


def enqueue_fhir(connection: Connection, services: Services, results: FhirResults) -> None:
    """Queue transactions and keep local resources in the caller's transaction.

    What was queued before is left alone.
    """
    for one in results.transactions:
        enqueue_transaction(
            connection,
            server=one.server,
            key=one.key,
            subject=one.study_uid,
            bundle=one.bundle,
            refused=one.refused,
        )
    if results.local:
        RecordStore(services.engine).put_within(connection, results.local, origin=LOCAL)


def patient_link(
    study: StudyRecord, reading: Reading, receiver: str, declared: RecordSettings
) -> PatientLink:
    """Return the patient as a receiver knows him or her.

    Parameters
    ----------
    receiver
        A server of the settings, or the local store.
    declared
        Which URI stands for the issuer of a patient ID.
    """
    use = reading.record
    matched = use is not None and use.state == "matched" and use.origin == receiver
    issuer = study.issuer_of_patient_id.strip()
    system = declared.issuers.get(issuer, issuer) or declared.default_issuer
    return PatientLink(
        reference=f"Patient/{use.person}" if use is not None and matched else None,
        number=study.patient_id.strip(),
        # An issuer that nobody has declared is a word, not the URI that a system must be.
        system=system if _URI.fullmatch(system) else "",
        assigner=issuer,
    )


def _results(
    services: Services, reading: Reading, sr_sop_instance_uid: str, what: str, make: _Make
) -> FhirResults:
    settings = services.settings
    study = services.archive.study(reading.study_uid)
    receivers: dict[str, FhirServerSettings | None] = {**_writers(settings)}
    if reading.record is not None and reading.record.origin == LOCAL:
        receivers[LOCAL] = None
    if study is None or not receivers:
        return FhirResults()
    series = tuple(services.archive.series(reading.study_uid))
    transactions: list[ResultTransaction] = []
    local: tuple[Resource, ...] = ()
    for name, server in receivers.items():
        patient = patient_link(study, reading, name, settings.records)
        if not patient.known:
            _log.warning("fhir.no_patient", study=reading.study_uid, server=name)
            continue
        told = Told(
            study,
            series,
            patient,
            Texts(settings.language),
            settings.institution,
            sr_sop_instance_uid,
        )
        try:
            resources = unique(make(told, name))
        except ReportError:
            # What cannot be said in FHIR must not keep the reading from the worklist.
            _log.exception("fhir.not_made", study=reading.study_uid, server=name)
            continue
        if server is None:
            local = resources
        else:
            key = f"{reading.id}/{what}"
            transactions.append(_transaction(name, server, key, reading.study_uid, resources))
    return FhirResults(tuple(transactions), local)


def _transaction(
    name: str,
    server: FhirServerSettings,
    key: str,
    study_uid: str,
    resources: Sequence[Resource],
) -> ResultTransaction:
    wrong = faults(resources)
    return ResultTransaction(
        server=name,
        key=key,
        study_uid=study_uid,
        bundle=as_json(transaction(resources, client_ids=server.client_ids)),
        refused=str(wrong[0]) if wrong else "",
    )


def _writers(settings: Settings) -> dict[str, FhirServerSettings]:
    return {name: s for name, s in settings.fhir_servers.items() if "write" in s.roles}


def _risks(
    told: Told, reading: Reading, profile: RiskProfile | None, receiver: str
) -> tuple[Resource, ...]:
    if profile is None:
        return ()
    return risk_resources(
        profile,
        told.patient,
        told.texts,
        origin=receiver,
        made_at=identity.reading_time(reading),
    )


def _trail(
    connection: Connection, study_uid: str, others: Sequence[OtherReading]
) -> tuple[Audited, ...]:
    """Return what the audit trail says of a study since it was last signed.

    What went before was told with the earlier signature. The new one is not in the trail yet.
    """
    since = max((o.signed_at for o in others if o.signed_at is not None), default=0.0)
    rows = connection.execute(
        select(audit_event)
        .where(audit_event.c.study_uid == study_uid, audit_event.c.at > since)
        .order_by(audit_event.c.id)
    )
    return tuple(
        Audited(r.at, r.username, r.action, r.detail)
        for r in rows
        if told_of(r.action) and r.action != "sign"
    )
