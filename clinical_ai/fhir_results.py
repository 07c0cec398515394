"""Which FHIR resources tell of a reading, and to whom they go."""
