"""A reading as Secondary Capture: pages with burned-in text, for viewers that show nothing else."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from clinical_ai.findings import Reading
from clinical_ai.reports import identity, statements
from clinical_ai.reports.fonts import Fonts, find_fonts
from clinical_ai.reports.page import draw_pages
from clinical_ai.reports.signing import Signer, Verdicts, reviewed
from clinical_ai.reports.source import (
    character_set,
    copy_body_part,
    copy_patient_and_study,
    one_line,
)
from clinical_ai.reports.summary import Standing, page_blocks, page_foot, page_head
from clinical_ai.texts import Language, Texts

_WORKSTATION = "WSD"  # Conversion Type, PS3.3 section C.8.6.1


def build_secondary_captures(
    reading: Reading,
    sources: Sequence[Dataset],
    *,
    institution: str,
    language: Language,
    verdicts: Verdicts | None = None,
    signer: Signer | None = None,
    fonts: Fonts | None = None,
) -> list[Dataset]:
    """Return one RGB image a page: study, model and its accuracy, findings, assessment.

    Without a signer every page says in a red line that no clinician has signed it. With one,
    it holds the accepted findings and says who signed.

    Parameters
    ----------
    sources
        Headers of the series that was read.
    language
        Of the page; English where no font of the system has Chinese characters.
    verdicts
        The decision on every finding; needed with a signer.
    fonts
        None looks for them on this system.

    Raises
    ------
    ReportError
        When the reading names no model, or a finding is undecided.
    """
    fonts = fonts or find_fonts()
    texts = Texts(language if fonts.has_chinese else "en")
    moment = signer.moment if signer else identity.reading_time(reading)
    made_at = identity.local_time(moment, sources[0])
    written_at = made_at.strftime("%Y-%m-%d %H:%M %Z").strip()
    shown, standing = reading, Standing()
    if signer is not None:
        shown = reviewed(reading, verdicts or {})
        note = statements.reviewed(reading, [f.id for f in shown.findings]) if verdicts else None
        standing = Standing(signer.full_name, written_at, note)
    whose = Dataset()
    copy_patient_and_study(whose, sources[0])
    pages = draw_pages(
        page_blocks(shown, texts, standing),
        head=page_head(whose, texts, standing, institution),
        foot=page_foot(written_at, texts),
        fonts=fonts,
    )
    return [
        _image(pixels, number, reading, sources[0], made_at, institution, signer)
        for number, pixels in enumerate(pages, start=1)
    ]


def _image(
    pixels: NDArray[np.uint8],
    number: int,
    reading: Reading,
    source: Dataset,
    made_at: datetime,
    institution: str,
    signer: Signer | None,
) -> Dataset:
    kind = identity.SC_FINAL if signer else identity.SC_PRELIMINARY
    signature = signer.identity if signer else ()
    model = identity.model_of(reading)
    image: Dataset = SCImage(
        pixel_array=pixels,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        study_instance_uid=reading.study_uid,
        series_instance_uid=identity.series_uid(reading, kind),
        series_number=identity.SERIES_NUMBERS[kind],
        sop_instance_uid=identity.instance_uid(reading, kind, str(number), *signature),
        instance_number=number,
        manufacturer=identity.MANUFACTURER,
        manufacturer_model_name=one_line(model.name, 64),
        software_versions=identity.SOFTWARE_VERSION,
        device_serial_number=one_line(model.manifest_sha256[:16] or "none", 64),
        institution_name=one_line(institution, 64) or None,
        series_description="AI summary (signed)" if signer else "AI summary (preliminary)",
        content_date=made_at.date(),
        content_time=made_at.time(),
        series_date=made_at.date(),
        series_time=made_at.time(),
        specific_character_set=character_set(source),
    )
    image.PatientOrientation = ""  # a page of text lies in no direction of the patient
    image.ConversionType = _WORKSTATION
    image.BurnedInAnnotation = "YES"
    image.RecognizableVisualFeatures = "NO"
    identity.settle_times(image)
    image.DateOfSecondaryCapture = image.ContentDate
    image.TimeOfSecondaryCapture = image.ContentTime
    copy_body_part(image, source)
    identity.mark_as_ours(image)
    copy_patient_and_study(image, source)
    return image
