"""A `Reading` as DICOM SR (TID 1500) and SEG."""
