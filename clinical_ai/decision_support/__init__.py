"""CDS Hooks: cards for the clinician at the moment of care."""
