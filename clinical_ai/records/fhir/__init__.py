"""Talking to FHIR R4 servers."""
