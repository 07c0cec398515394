"""Results to the RIS: which peers get which message, queued with what they tell."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from clinical_ai.findings import Reading
from clinical_ai.hl7_settings import ResultStatus
from clinical_ai.reports import hl7_oru, hl7_result, identity
from clinical_ai.reports.hl7_oru import Route
from clinical_ai.reports.hl7_result import Result
from clinical_ai.reports.signing import Signer, Verdicts
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from clinical_ai.store.other_readings import signed_before
from clinical_ai.texts import Texts
from pacs_bridge.hl7.charset import encode
from pacs_bridge.hl7.conformance import problem
from pacs_bridge.hl7.order_index import ImagingOrder, order_of_study
from pacs_bridge.hl7.outgoing import enqueue_message
from pacs_bridge.records import StudyRecord

# Whose letters can be told in Chinese; the others get English.
_CHINESE = ("UNICODE UTF-8", "GB 18030-2000")


@dataclass(frozen=True, slots=True)
class ResultMessage:
    """One message for one peer, ready to be queued.

    Parameters
    ----------
    refused
        Why it cannot be sent: it does not conform to its version, or names no order. It is
        then kept as a dead letter.
    """

    peer_name: str
    control_id: str
    study_uid: str
    body: bytes
    refused: str


def preliminary_messages(
    services: Services, reading: Reading, sr_sop_instance_uid: str
) -> tuple[ResultMessage, ...]:
    """Return the messages that tell of an unsigned reading.

    None for a study with a signed reading: a receiver would put the preliminary result in the
    place of the final one. The correction is sent when the new reading is signed.
    """
    peers = _peers_for(services.settings, "preliminary")
    if not peers or reading.status != "read" or _signed_before(services, reading):
        return ()
    made_at = identity.reading_time(reading).astimezone()
    return _messages(services, hl7_result.preliminary(reading, sr_sop_instance_uid, made_at), peers)


def final_messages(
    services: Services,
    reading: Reading,
    verdicts: Verdicts,
    signer: Signer,
    sr_sop_instance_uid: str,
) -> tuple[ResultMessage, ...]:
    """Return the messages that tell of a signed reading: final, or a correction."""
    peers = _peers_for(services.settings, "final")
    if not peers:
        return ()
    result = hl7_result.signed(
        reading,
        verdicts,
        signer,
        sr_sop_instance_uid,
        corrects=_signed_before(services, reading),
    )
    return _messages(services, result, peers)


def enqueue_results(connection: Connection, messages: Sequence[ResultMessage]) -> None:
    """Queue messages in the caller's transaction; those queued before are left alone."""
    for message in messages:
        enqueue_message(
            connection,
            peer_name=message.peer_name,
            control_id=message.control_id,
            message_type=hl7_oru.MESSAGE_TYPE,
            subject=message.study_uid,
            body=message.body,
            refused=message.refused,
        )


def route_to(settings: Settings, peer_name: str) -> Route:
    """Return how messages go to a peer of the settings."""
    ours, peer = settings.hl7, settings.hl7.peers[peer_name]
    return Route(
        peer_name=peer_name,
        sending_application=ours.application,
        sending_facility=ours.facility or settings.institution,
        receiving_application=peer.application,
        receiving_facility=peer.facility,
        version=peer.version,
        character_set=peer.character_set,
        enhanced=peer.acknowledgement == "enhanced",
        processing_id=ours.processing_id,
        assigning_authority=ours.assigning_authority,
        ideographic_first=texts_for(settings, peer_name).language == "zh",
    )


def _peers_for(settings: Settings, status: ResultStatus) -> tuple[str, ...]:
    return tuple(name for name, peer in settings.hl7.peers.items() if status in peer.results)


def texts_for(settings: Settings, peer_name: str) -> Texts:
    """Return the language of messages to a peer: that of the site, if its letters can be told."""
    chinese = settings.hl7.peers[peer_name].character_set in _CHINESE
    return Texts(settings.language if chinese else "en")


def _messages(
    services: Services, result: Result, peers: Sequence[str]
) -> tuple[ResultMessage, ...]:
    study = services.archive.study(result.reading.study_uid)
    if study is None:
        return ()
    order = _order(services, result.reading.study_uid)
    return tuple(_message(services.settings, result, study, order, name) for name in peers)


def _message(
    settings: Settings,
    result: Result,
    study: StudyRecord,
    order: ImagingOrder | None,
    peer_name: str,
) -> ResultMessage:
    route = route_to(settings, peer_name)
    texts = texts_for(settings, peer_name)
    text = str(hl7_oru.build_oru(result, study, order, route, texts))
    return ResultMessage(
        peer_name=peer_name,
        control_id=hl7_oru.control_id(result, route),
        study_uid=study.study_instance_uid,
        body=encode(text, route.character_set),
        refused=_refusal(study, text),
    )


def _refusal(study: StudyRecord, text: str) -> str:
    """Return why a message must not be sent; empty when it may."""
    if not study.accession_number.strip():
        return "the study has no accession number, so the receiver cannot tell its order"
    if not study.patient_id.strip():
        return "the study has no patient ID, so the receiver cannot tell its patient"
    return problem(text)


def _order(services: Services, study_uid: str) -> ImagingOrder | None:
    """Return the study's order, if it is of the same patient."""
    with services.engine.connect() as connection:
        found = order_of_study(connection, study_uid)
    return found.order if found is not None and found.patient_agrees else None


def _signed_before(services: Services, reading: Reading) -> bool:
    with services.engine.connect() as connection:
        return signed_before(connection, reading)
