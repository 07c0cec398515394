"""DICOM series to arrays with geometry (LPS, mm), and checks of their quality."""
