"""Draft orders of ``order-select`` and ``order-sign``, as far as the rules look at them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clinical_ai.records.elements import codings, concept_of, mapping, mappings, text, written_names
from clinical_ai.records.kinds import vocabulary

# Intravenous contrast in CT, in the words of an order. "Without" and plain scans are no contrast;
# a study without and with contrast is.
# Letters, not words, bound "CT": Chinese text stands right beside it.
_CT = re.compile(r"(?<![a-z])cta?(?![a-z])|computed tomography|电子计算机断层|断层扫描")
_CONTRAST = re.compile(
    r"\b(w|with)[ /]+(iv |intravenous )?contr|contrast[- ]enhanced"
    r"|(?<![a-z])(cta|cect)(?![a-z])|angiograph|增强|造影"
)
# Skin and eyes: KDIGO's caution is about what reaches the kidney.
_TOPICAL = re.compile(
    r"\b(gel|cream|ointment|patch|eye|ophthalmic|topical)\b|凝胶|乳膏|软膏|贴|滴眼"
)
ACE_INHIBITOR, ARB = "ace_inhibitor", "angiotensin_receptor_blocker"
"""Drug classes of `clinical_ai.records.kinds`."""
_MEDICATION_TYPES = ("MedicationRequest", "MedicationStatement")


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """One order in the making.

    Parameters
    ----------
    reference
        ``Type/id`` in the client's bundle.
    name
        Words of the order, for the card.
    classes
        What it is to the rules: drug classes of `clinical_ai.records.kinds`, or
        ``"iodinated_contrast"``. Empty: no rule knows it.
    is_drug
        A medication order.
    selected
        Chosen just now (``order-select``); always true at ``order-sign``.
    """

    reference: str
    name: str
    classes: frozenset[str]
    is_drug: bool
    selected: bool = True


def draft_orders(
    resources: Sequence[Mapping[str, object]], selections: frozenset[str] | None
) -> tuple[DraftOrder, ...]:
    """Return the drafts the rules can look at: medications and services.

    Parameters
    ----------
    resources
        Entries of ``context.draftOrders``; their values are not trusted.
    selections
        ``context.selections``; None when all count.
    """
    return tuple(_drafts(resources, selections))


def _drafts(
    resources: Sequence[Mapping[str, object]], selections: frozenset[str] | None
) -> Iterator[DraftOrder]:
    for resource in resources:
        kind, identifier = text(resource.get("resourceType")), text(resource.get("id"))
        is_drug = kind in _MEDICATION_TYPES
        if not (is_drug or kind == "ServiceRequest"):
            continue
        reference = f"{kind}/{identifier}" if identifier else kind
        concept = _drug(resource, resources) if is_drug else resource.get("code")
        words = written_names(concept)
        said = concept_of(concept)
        yield DraftOrder(
            reference,
            said.display or said.code or reference,
            _drug_classes(concept, words) if is_drug else _service_classes(words),
            is_drug,
            selections is None or bool({reference, identifier} & selections),
        )


def _drug(resource: Mapping[str, object], others: Sequence[Mapping[str, object]]) -> object:
    """The concept of the drug: in the order, in a contained Medication, or in one beside it."""
    if "medicationCodeableConcept" in resource:
        return resource["medicationCodeableConcept"]
    wanted = text(mapping(resource.get("medicationReference")).get("reference"))
    for medication in (*mappings(resource.get("contained")), *others):
        name = text(medication.get("id"))
        if name and wanted in (f"#{name}", f"Medication/{name}"):
            return medication.get("code")
    return None


def _drug_classes(concept: object, words: str) -> frozenset[str]:
    found = frozenset(vocabulary().drug_kinds(words, codings(concept)))
    return found - {"nsaid"} if _TOPICAL.search(_folded(words)) else found


def _service_classes(words: str) -> frozenset[str]:
    folded = _folded(words)
    if _CT.search(folded) and _CONTRAST.search(folded):
        return frozenset({"iodinated_contrast"})
    return frozenset()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
