"""De-identification of DICOM objects for research (PS3.15 Annex E)."""
