"""The kinds of DICOM object that a site may want of a reading."""

from typing import Literal

ResultObject = Literal["SR", "SEG", "SC", "GSPS"]
"""Structured report (TID 1500), segmentation, secondary capture page, presentation state."""

DEFAULT_OBJECTS: tuple[ResultObject, ...] = ("SR", "SEG")
