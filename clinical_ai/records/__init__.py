"""The patient's record: one form for everything known, from FHIR or from the local store."""
