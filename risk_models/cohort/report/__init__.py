"""Reports of a cohort, from its counts alone: HTML, PDF, CSV, FHIR."""
