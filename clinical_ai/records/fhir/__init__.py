"""Talking to FHIR R4 servers."""

from clinical_ai.records.fhir.client import FhirClient, Written
from clinical_ai.records.fhir.search import Found

__all__ = ["FhirClient", "Found", "Written"]
