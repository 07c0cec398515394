"""The body of a hook call, checked (CDS Hooks 2.0, "Calling a CDS Service").

The hooks are `patient-view` 1.0, `order-select` 1.0 and `order-sign` 1.0 of the hook library.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from clinical_ai.decision_support.decide import Hook
from clinical_ai.errors import DecisionSupportError

Json = dict[str, Any]
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""A FHIR R4 id."""
MAX_ORDERS = 200


class FhirAuthorization(BaseModel):
    """A token the client lends for its own FHIR server; never logged."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    access_token: SecretStr
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    subject: str
    patient: str | None = None


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    hook: str
    hookInstance: UUID  # noqa: N815 - the specification's name
    context: Json
    fhirServer: Annotated[str, Field(max_length=2048)] | None = None  # noqa: N815
    fhirAuthorization: FhirAuthorization | None = None  # noqa: N815
    prefetch: dict[str, Any] | None = None


class HookRequest(BaseModel):
    """A call of one of our services, its parts checked.

    Parameters
    ----------
    patient
        FHIR id of the Patient.
    selections
        References of the orders chosen just now; None where all drafts count.
    orders
        Resources of ``context.draftOrders``.
    """

    model_config = ConfigDict(frozen=True)

    hook: Hook
    instance: UUID
    patient: str
    fhir_server: str | None
    fhir_authorization: FhirAuthorization | None
    prefetch: Mapping[str, Any]
    selections: frozenset[str] | None
    orders: tuple[Json, ...]
    language: Literal["zh", "en"] | None


def parse_hook_request(body: bytes, hook: Hook) -> HookRequest:
    """Read the body of a call to a service for `hook`.

    Raises
    ------
    DecisionSupportError
        When it is no JSON, or not as the hook has it. The message quotes no value of the body.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DecisionSupportError("the body is not JSON") from error
    try:
        parsed = _Body.model_validate(content)
    except ValidationError as error:
        raise DecisionSupportError(_described(error)) from error
    if parsed.hook != hook:
        raise DecisionSupportError(
            f"hook is not {hook!r}, which this service is for; see /cds-services for the others"
        )
    context = parsed.context
    patient = context.get("patientId")
    if not isinstance(patient, str) or not FHIR_ID.fullmatch(patient):
        raise DecisionSupportError("context.patientId is not a FHIR id; give the id of a Patient")
    if not _is_filled(context.get("userId")):
        raise DecisionSupportError("context.userId is missing; give Type/id of the user")
    return HookRequest(
        hook=hook,
        instance=parsed.hookInstance,
        patient=patient,
        fhir_server=parsed.fhirServer,
        fhir_authorization=parsed.fhirAuthorization,
        prefetch=parsed.prefetch or {},
        selections=_selections(context) if hook == "order-select" else None,
        orders=() if hook == "patient-view" else tuple(_orders(context, patient)),
        language=_language(context),
    )


def _described(error: ValidationError) -> str:
    """Name the fields at fault; pydantic's own text would quote them."""
    faults = [
        f"{'.'.join(map(str, fault['loc'][:3])) or 'body'} ({fault['type']})"
        for fault in error.errors(include_input=False, include_url=False)[:5]
    ]
    return f"the request is not as CDS Hooks 2.0 has it: {', '.join(faults)}"


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _language(context: Json) -> Literal["zh", "en"] | None:
    """A language of the user, where the client adds one to the context."""
    stated = context.get("language")
    short = stated[:2].lower() if isinstance(stated, str) else ""
    return next((known for known in ("zh", "en") if known == short), None)


def _selections(context: Json) -> frozenset[str]:
    selections = context.get("selections")
    if not isinstance(selections, list) or not all(isinstance(one, str) for one in selections):
        raise DecisionSupportError("context.selections is not a list of references")
    return frozenset(selections)


def _orders(context: Json, patient: str) -> Iterator[Json]:
    bundle = context.get("draftOrders")
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise DecisionSupportError("context.draftOrders is not a Bundle")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or len(entries) > MAX_ORDERS:
        raise DecisionSupportError(
            f"context.draftOrders.entry is not a list of at most {MAX_ORDERS} entries"
        )
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            raise DecisionSupportError("an entry of context.draftOrders has no resource")
        subject = resource.get("subject")
        named = subject.get("reference") if isinstance(subject, dict) else None
        if named is not None and not is_of_patient(named, patient):
            raise DecisionSupportError("an order of context.draftOrders is for another patient")
        yield resource


def is_of_patient(reference: object, patient: str) -> bool:
    """Whether a reference, relative or absolute, names this Patient."""
    if not isinstance(reference, str):
        return False
    path = reference.split("/_history/", 1)[0]
    return path == f"Patient/{patient}" or path.endswith(f"/Patient/{patient}")
