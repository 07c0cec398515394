"""The services as discovery lists them (CDS Hooks 2.0, "Discovery")."""

from dataclasses import dataclass

from clinical_ai.decision_support.decide import Hook
from clinical_ai.decision_support.prefetch import TEMPLATES
from clinical_ai.messages import N_
from clinical_ai.texts import Texts

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class CdsService:
    """One service: one hook, one set of rules."""

    id: str
    hook: Hook
    title: str
    description: str


SERVICES = (
    CdsService(
        "clinical-ai-patient-view",
        "patient-view",
        N_("Risk, control and screening"),
        N_(
            "10-year cardiovascular risk, risk factors that are not controlled, examinations "
            "that are due and follow-up of lung nodules. Missing data are named."
        ),
    ),
    CdsService(
        "clinical-ai-order-select",
        "order-select",
        N_("Checks of a chosen order"),
        N_(
            "A few checks with a source each: kidney function for metformin, NSAID and iodinated "
            "contrast, ACE inhibitor with angiotensin receptor blocker, pregnancy. Drug "
            "interactions are not checked."
        ),
    ),
    CdsService(
        "clinical-ai-order-sign",
        "order-sign",
        N_("Checks before orders are signed"),
        N_(
            "The same checks over all draft orders before they are signed. Drug interactions are "
            "not checked."
        ),
    ),
)
USAGE = N_(
    "Works on prefetch data, on FHIR servers known to this site, or on the site's own record "
    "store. For clinicians: it supports a decision and takes none."
)
BY_ID = {service.id: service for service in SERVICES}


def discovery(texts: Texts) -> Json:
    """Return the answer of ``GET /cds-services``."""
    return {
        "services": [
            {
                "hook": service.hook,
                "title": texts(service.title),
                "description": texts(service.description),
                "id": service.id,
                "prefetch": dict(TEMPLATES[service.hook]),
                "usageRequirements": texts(USAGE),
            }
            for service in SERVICES
        ]
    }
