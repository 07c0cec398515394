"""How FHIR servers are reached, as the settings say it."""
