"""Answer an association request (PS3.8 7.1, PS3.7 annex D): bytes in, bytes out.

pynetdicom reads and writes the PDUs and applies the rules for roles; which SOP classes and
transfer syntaxes are taken is decided here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor
from pynetdicom.service_class import (
    NonPatientObjectStorageServiceClass,
    ServiceClass,
    StorageServiceClass,
)
from pynetdicom.sop_class import Verification, uid_to_service_class

from pacs_bridge import IMPLEMENTATION_CLASS_UID, implementation_version_name
from pacs_bridge.dimse.channel import Service
from pacs_bridge.dimse.messages import Context
from pacs_bridge.dimse.pdu import MAX_PDU_BYTES
from pacs_bridge.errors import ProtocolError
from pacs_bridge.header import is_uid

_APPLICATION_CONTEXT = UID("1.2.840.10008.3.1.1.1")  # PS3.7 A.2.1
_ACCEPTED, _SYNTAX_NOT_SUPPORTED = 0x00, 0x03  # PS3.8 table 9-18
# Stored as received, so we need not know them: storage, and classes that nobody registered.
_STORED = (StorageServiceClass, NonPatientObjectStorageServiceClass)

_REJECTIONS = {  # result, source, reason (PS3.8 table 9-21)
    "called_ae_title": (1, 1, 7),
    "calling_ae_title": (1, 1, 3),
    "application_context": (1, 1, 2),
    "local_limit": (2, 3, 2),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom and what a listener accepts.

    Parameters
    ----------
    called
        Our AE titles.
    calling
        AE titles that may associate; empty means any.
    services
        Beyond storage and verification.
    """

    called: frozenset[str]
    calling: frozenset[str]
    services: Sequence[Service] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back, and what was agreed.

    Parameters
    ----------
    pdu
        A-ASSOCIATE-AC or A-ASSOCIATE-RJ.
    contexts
        Accepted presentation contexts; empty if rejected.
    calling_ae_title, called_ae_title
        As the peer gave them, without padding.
    peer_max_pdu_bytes
        The largest P-DATA-TF that the peer takes; 0 is any.
    rejected
        Why, in one word; None if accepted.
    """

    pdu: bytes
    contexts: tuple[Context, ...]
    calling_ae_title: str
    called_ae_title: str
    peer_max_pdu_bytes: int
    rejected: str | None


def answer(pdu: bytes, policy: Policy, *, is_full: bool) -> Answer:
    """Answer an A-ASSOCIATE-RQ.

    Parameters
    ----------
    pdu
        With its header.
    is_full
        No further association can be taken.

    Raises
    ------
    ProtocolError
        If the request cannot be read.
    """
    request = _read(pdu)
    calling, called = request.calling_ae_title.strip(), request.called_ae_title.strip()
    reason = _reason_to_reject(request, calling, called, policy, is_full=is_full)
    if reason is not None:
        return Answer(_reject(*_REJECTIONS[reason]), (), calling, called, 0, reason)
    roles = _proposed_roles(request)
    usable = [c for c in request.presentation_context_definition_list if _is_usable(c)]
    results, role_items = _negotiate(usable, roles, policy.services)
    unusable = {c.context_id for c in request.presentation_context_definition_list} - {
        c.context_id for c in usable
    }
    results += [_rejected(context_id) for context_id in sorted(unusable)]
    requestor_scp = {str(r.sop_class_uid) for r in role_items if r.scp_role}
    contexts = tuple(
        Context(
            context_id=c.context_id,
            abstract_syntax=str(c.abstract_syntax),
            transfer_syntax=str(c.transfer_syntax[0]),
            requestor_is_scp=str(c.abstract_syntax) in requestor_scp,
        )
        for c in results
        if c.result == _ACCEPTED
    )
    accepted = _accept(request, results, role_items)
    return Answer(accepted, contexts, calling, called, _max_pdu_bytes(request), None)


def _read(pdu: bytes) -> A_ASSOCIATE:
    try:
        request = A_ASSOCIATE_RQ()
        request.decode(pdu)
        primitive = request.to_primitive()
        # Reading them checks them.
        complete = all(
            (
                primitive.calling_ae_title.strip(),
                primitive.called_ae_title.strip(),
                primitive.presentation_context_definition_list,
            )
        )
    except Exception as error:  # whatever the decoder raises on bytes from outside
        raise ProtocolError("an association request that cannot be read", 6) from error
    if not complete:
        raise ProtocolError("an association request without AE titles or contexts", 6)
    return primitive


def _reason_to_reject(
    request: A_ASSOCIATE, calling: str, called: str, policy: Policy, *, is_full: bool
) -> str | None:
    if request.application_context_name != _APPLICATION_CONTEXT:
        return "application_context"
    if called not in policy.called:
        return "called_ae_title"
    if policy.calling and calling not in policy.calling:
        return "calling_ae_title"
    return "local_limit" if is_full else None


def _is_usable(context: PresentationContext) -> bool:
    """Whether the UIDs have the form of UIDs, so that they can go into a file meta."""
    return (
        bool(context.transfer_syntax)
        and is_uid(str(context.abstract_syntax))
        and all(is_uid(str(syntax)) for syntax in context.transfer_syntax)
    )


def _rejected(context_id: int) -> PresentationContext:
    context = PresentationContext()
    context.context_id = context_id
    context.transfer_syntax = [ImplicitVRLittleEndian]  # not significant (PS3.8 9.3.3.2)
    context.result = _SYNTAX_NOT_SUPPORTED
    return context


def _proposed_roles(request: A_ASSOCIATE) -> dict[UID, tuple[bool, bool]]:
    return {
        item.sop_class_uid: (bool(item.scu_role), bool(item.scp_role))
        for item in request.user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation)
    }


def _negotiate(
    proposed: Sequence[PresentationContext],
    roles: dict[UID, tuple[bool, bool]],
    services: Sequence[Service],
) -> tuple[list[PresentationContext], list[SCP_SCU_RoleSelectionNegotiation]]:
    """Storage classes in the first transfer syntax proposed, services in one that we read."""
    ours = _supported(services)
    stored = [
        c
        for c in proposed
        if str(c.abstract_syntax) not in ours and _is_stored(str(c.abstract_syntax))
    ]
    for context in stored:
        ours[str(context.abstract_syntax)] = _both_roles(str(context.abstract_syntax))
    ids = {id(c) for c in stored}
    first = [_with_first_syntax(c) for c in stored]
    results, role_items = negotiate_as_acceptor(
        [*first, *(c for c in proposed if id(c) not in ids)], list(ours.values()), roles
    )
    by_id = {c.context_id: c for c in stored}
    for result in results:
        source = by_id.get(result.context_id)
        if source is not None and result.result == _ACCEPTED:
            result.transfer_syntax = [source.transfer_syntax[0]]
    return results, role_items


def _supported(services: Sequence[Service]) -> dict[str, PresentationContext]:
    ours = {str(Verification): _context(str(Verification))}
    for service in services:
        for uid in service.abstract_syntaxes:
            ours[uid] = _both_roles(uid) if service.requestor_scp else _context(uid)
    return ours


def _context(abstract_syntax: str) -> PresentationContext:
    context = PresentationContext()
    context.abstract_syntax = UID(abstract_syntax)
    context.transfer_syntax = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    return context


def _both_roles(abstract_syntax: str) -> PresentationContext:
    context = _context(abstract_syntax)
    context.scu_role = context.scp_role = True
    return context


def _with_first_syntax(proposed: PresentationContext) -> PresentationContext:
    """Return the context as one that `_context` matches, whatever its transfer syntaxes."""
    context = PresentationContext()
    context.context_id = proposed.context_id
    context.abstract_syntax = proposed.abstract_syntax
    context.transfer_syntax = [ExplicitVRLittleEndian]
    return context


def _is_stored(abstract_syntax: str) -> bool:
    kind: type[ServiceClass] = uid_to_service_class(UID(abstract_syntax))
    return kind is ServiceClass or issubclass(kind, _STORED)


def _accept(
    request: A_ASSOCIATE,
    results: Sequence[PresentationContext],
    role_items: Collection[SCP_SCU_RoleSelectionNegotiation],
) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = _APPLICATION_CONTEXT
    primitive.calling_ae_title = request.calling_ae_title
    primitive.called_ae_title = request.called_ae_title
    primitive.result = 0x00
    primitive.result_source = 0x01
    primitive.presentation_context_definition_results_list = list(results)
    maximum = MaximumLengthNotification()
    maximum.maximum_length_received = MAX_PDU_BYTES
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = implementation_version_name()
    primitive.user_information = [maximum, implementation, version, *role_items]
    pdu = A_ASSOCIATE_AC()
    pdu.from_primitive(primitive)
    return bytes(pdu.encode())


def _reject(result: int, source: int, reason: int) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.result = result
    primitive.result_source = source
    primitive.diagnostic = reason
    pdu = A_ASSOCIATE_RJ()
    pdu.from_primitive(primitive)
    return bytes(pdu.encode())


def _max_pdu_bytes(request: A_ASSOCIATE) -> int:
    return next(
        (
            int(item.maximum_length_received)
            for item in request.user_information
            if isinstance(item, MaximumLengthNotification)
        ),
        0,
    )
