"""What a clinician does with a reading: open it, accept or reject findings, sign.

Every call is one transaction and leaves an audit event. A signed reading cannot change.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from clinical_ai.accounts import SIGNING_ROLES, Account, authenticate
from clinical_ai.errors import ReviewError
from clinical_ai.fhir_results import enqueue_fhir, final_fhir
from clinical_ai.findings import Reading, reading_from_json
from clinical_ai.hl7_results import enqueue_results, final_messages
from clinical_ai.messages import N_
from clinical_ai.reports.identity import SR_FINAL
from clinical_ai.reports.signing import Signer, Verdicts
from clinical_ai.reports.write import ResultFile, write_final_results
from clinical_ai.risk.profile import RiskProfile
from clinical_ai.risk.stored import profile_of_reading
from clinical_ai.services import Services
from clinical_ai.store.audit import record_event
from clinical_ai.store.tables import decision as decision_table
from clinical_ai.store.tables import reading as reading_table
from clinical_ai.store.tables import result_object, study_read
from clinical_ai.store.tables import signature as signature_table
from clinical_ai.worklist import StudyState, WorklistRow, versions, worklist
from pacs_bridge.database import writing
from pacs_bridge.hl7.order_index import StudyOrder, order_of_study
from pacs_bridge.outbox import enqueue_delivery

__all__ = [
    "Decision",
    "ReviewCase",
    "Signature",
    "StudyState",
    "WorklistRow",
    "decide",
    "open_case",
    "sign",
    "worklist",
]

Verdict = Literal["accepted", "rejected"]

GONE = N_("This version of the study is not in the worklist; refresh the page.")
ALREADY_SIGNED = N_("This reading is signed; it cannot be changed.")
SUPERSEDED = N_("New images have arrived; review the newer version of this study.")
REASON_NEEDED = N_("Give a reason for rejecting the finding.")
UNDECIDED = N_("Accept or reject every finding before you sign.")
MAY_NOT_SIGN = N_("Your role may not sign; ask a radiologist.")
NOTHING_TO_SIGN = N_("This study was not read by a model; there is no AI result to sign.")
NO_SUCH_FINDING = N_("This finding is not part of the reading; refresh the page.")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a clinician said of one finding; the newest one counts."""

    finding_id: str
    verdict: Verdict
    reason: str
    username: str
    made_at: float


@dataclass(frozen=True, slots=True)
class Signature:
    """Who made a reading final, and the SR that says so."""

    reading_id: str
    username: str
    full_name: str
    signed_at: float
    sr_sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """All that the review page shows of one study version.

    Parameters
    ----------
    order
        The order with the accession number of the study; if its patient is another, only
        that may be said of it.
    risk
        Made with the reading from the record of its patient, if that was found.
    """

    row: WorklistRow
    reading: Reading | None
    decisions: Mapping[str, Decision]
    signature: Signature | None
    versions: tuple[WorklistRow, ...]
    order: StudyOrder | None
    risk: RiskProfile | None = None


def open_case(
    services: Services, study_uid: str, content_version: str | None, account: Account
) -> ReviewCase:
    """Return one study version for review, and note that `account` viewed it.

    Raises
    ------
    ReviewError
        `GONE`, when there is no such version.
    """
    rows = versions(services.engine, study_uid)
    row = next((r for r in rows if r.content_version == content_version), None)
    if row is None:
        raise ReviewError(GONE)
    reading = None
    decisions: Mapping[str, Decision] = {}
    signed = None
    risk = None
    with writing(services.engine) as connection:
        order = order_of_study(connection, study_uid)
        if row.reading_id is not None:
            reading = _reading(connection, row.reading_id)
            decisions = _decisions(connection, row.reading_id)
            signed = _signature(connection, row.reading_id)
            risk = profile_of_reading(connection, row.reading_id)
        record_event(
            connection, account.username, "view", study_uid=study_uid, reading_id=row.reading_id
        )
    return ReviewCase(row, reading, decisions, signed, rows, order, risk)


def decide(
    services: Services,
    reading_id: str,
    finding_id: str,
    verdict: Verdict,
    reason: str,
    account: Account,
) -> Decision:
    """Accept or reject one finding; a later decision replaces an earlier one.

    Raises
    ------
    ReviewError
        When the reading is signed or superseded, the finding unknown, or a reason missing.
    """
    if account.role not in SIGNING_ROLES:
        raise ReviewError(MAY_NOT_SIGN)
    if verdict == "rejected" and not reason.strip():
        raise ReviewError(REASON_NEEDED)
    made = Decision(finding_id, verdict, reason.strip(), account.username, time.time())
    with writing(services.engine) as connection:
        reading = _open_reading(connection, reading_id)
        if finding_id not in {f.id for f in reading.findings}:
            raise ReviewError(NO_SUCH_FINDING)
        connection.execute(
            decision_table.insert().values(
                reading_id=reading_id,
                finding_id=made.finding_id,
                verdict=made.verdict,
                reason=made.reason,
                username=made.username,
                made_at=made.made_at,
            )
        )
        record_event(
            connection,
            account.username,
            "accept" if verdict == "accepted" else "reject",
            study_uid=reading.study_uid,
            reading_id=reading_id,
            detail=f"finding {finding_id}",
        )
    return made


def sign(services: Services, reading_id: str, account: Account, password: str) -> Signature:
    """Make a reading final: check the password again, write the final objects, queue them.

    The signature row and the queued deliveries are committed together; signing twice at the
    same moment leaves one signature.

    Raises
    ------
    ReviewError
        When a finding is undecided, or the reading is signed, superseded or not a reading.
    AccountError
        When the password is wrong.
    """
    if account.role not in SIGNING_ROLES:
        raise ReviewError(MAY_NOT_SIGN)
    signer_account = authenticate(services.engine, account.username, password)
    with writing(services.engine) as connection:
        reading = _open_reading(connection, reading_id)
        decisions = _decisions(connection, reading_id)
    if reading.status != "read":
        raise ReviewError(NOTHING_TO_SIGN)
    if any(f.id not in decisions for f in reading.findings):
        raise ReviewError(UNDECIDED)
    signed_at = time.time()
    verdicts: Verdicts = {f: (d.verdict, d.reason) for f, d in decisions.items()}
    signer = Signer(
        username=signer_account.username,
        full_name=signer_account.full_name,
        organization=services.settings.institution,
        signed_at=signed_at,
    )
    written = write_final_results(
        reading,
        [r.path for r in services.archive.instances(reading.study_uid)],
        services.settings.results_dir,
        verdicts=verdicts,
        signer=signer,
        objects=services.settings.results,
        language=services.settings.language,
    )
    to_ris = final_messages(services, reading, verdicts, signer, written[0].sop_instance_uid)
    as_fhir = final_fhir(services, reading, verdicts, signer, written[0].sop_instance_uid)
    signed = Signature(
        reading_id,
        signer_account.username,
        signer_account.full_name,
        signed_at,
        written[0].sop_instance_uid,
    )
    with writing(services.engine) as connection:
        _commit_signature(connection, services, reading, signed, written)
        enqueue_results(connection, to_ris)
        enqueue_fhir(connection, services, as_fhir)
    return signed


def _commit_signature(
    connection: Connection,
    services: Services,
    reading: Reading,
    signed: Signature,
    files: Sequence[ResultFile],
) -> None:
    _open_reading(connection, reading.id)  # nobody signed in the meantime
    connection.execute(
        signature_table.insert().values(
            reading_id=signed.reading_id,
            username=signed.username,
            full_name=signed.full_name,
            signed_at=signed.signed_at,
            sr_sop_instance_uid=signed.sr_sop_instance_uid,
        )
    )
    connection.execute(
        result_object.insert(),
        [
            {
                "sop_instance_uid": file.sop_instance_uid,
                "reading_id": reading.id,
                "kind": file.kind,
                "path": str(file.path),
            }
            for file in files
        ],
    )
    connection.execute(
        study_read.update().where(study_read.c.reading_id == reading.id).values(state="signed")
    )
    wanted = [f for f in files if f.kind != SR_FINAL or "SR" in services.settings.results]
    for file in wanted:
        for peer_name in services.settings.result_peers:
            enqueue_delivery(
                connection,
                sop_instance_uid=file.sop_instance_uid,
                path=file.path,
                peer_name=peer_name,
            )
    record_event(
        connection,
        signed.username,
        "sign",
        study_uid=reading.study_uid,
        reading_id=reading.id,
        detail=f"SR {signed.sr_sop_instance_uid}",
    )


def _open_reading(connection: Connection, reading_id: str) -> Reading:
    """Return a reading that may still change, its read row locked until the commit."""
    state = connection.execute(
        select(study_read.c.state).where(study_read.c.reading_id == reading_id).with_for_update()
    ).scalar_one_or_none()
    if state is None:
        raise ReviewError(GONE)
    if state == "signed" or _signature(connection, reading_id) is not None:
        raise ReviewError(ALREADY_SIGNED)
    if state == "superseded":
        raise ReviewError(SUPERSEDED)
    return _reading(connection, reading_id)


def _reading(connection: Connection, reading_id: str) -> Reading:
    body = connection.execute(
        select(reading_table.c.body).where(reading_table.c.id == reading_id)
    ).scalar_one()
    return reading_from_json(body)


def _decisions(connection: Connection, reading_id: str) -> dict[str, Decision]:
    rows = connection.execute(
        select(decision_table)
        .where(decision_table.c.reading_id == reading_id)
        .order_by(decision_table.c.id)
    )
    return {
        r.finding_id: Decision(r.finding_id, r.verdict, r.reason, r.username, r.made_at)
        for r in rows
    }


def _signature(connection: Connection, reading_id: str) -> Signature | None:
    r = connection.execute(
        select(signature_table).where(signature_table.c.reading_id == reading_id)
    ).one_or_none()
    if r is None:
        return None
    return Signature(r.reading_id, r.username, r.full_name, r.signed_at, r.sr_sop_instance_uid)
