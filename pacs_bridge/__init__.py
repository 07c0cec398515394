"""DICOM in and out; knows nothing of models."""
