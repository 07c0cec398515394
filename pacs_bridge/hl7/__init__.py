"""HL7 v2 over MLLP: orders in, results out, for hospitals whose RIS has no FHIR."""
