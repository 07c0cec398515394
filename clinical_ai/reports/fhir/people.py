"""References to the people who act: by their account, as no Practitioner is ever made."""

from clinical_ai.reports.fhir.elements import ACCOUNTS, Element, identifier, logical_reference
from clinical_ai.reports.signing import Signer


def practitioner(signer: Signer) -> Element:
    """Return the clinician who signed, by name and account."""
    return account_reference(signer.username, signer.full_name)


def account_reference(username: str, full_name: str = "") -> Element:
    """Return the person behind an account of this software."""
    return logical_reference("Practitioner", identifier(ACCOUNTS, username), full_name)


def organization(name: str) -> Element:
    """Return an organization that is known by its name only."""
    return {"type": "Organization", "display": name}
