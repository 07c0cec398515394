"""Pages of burned-in text: what they say, in which language, and that nothing is lost."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.errors import ReportError
from clinical_ai.messages import Message
from clinical_ai.reports import page
from clinical_ai.reports.fonts import Fonts, find_fonts
from clinical_ai.reports.page import Banner, TableRow, Text, draw_pages
from clinical_ai.reports.secondary_capture import build_secondary_captures
from clinical_ai.reports.signing import Signer
from clinical_ai.reports.summary import Standing, page_blocks, page_foot, page_head
from clinical_ai.texts import Texts
from tests.support.ct_series import lung_reading, read_headers, write_ct_series

LATIN = Fonts(None)
SIGNER = Signer("wang", "王医生", "示范医院", 1795509000.5)


def judged(findings=2):
    return assess(lung_reading(findings=findings), AssessmentContext(age_years=66))


def chinese_fonts() -> Fonts:
    fonts = find_fonts()
    if not fonts.has_chinese:
        pytest.skip("no font with Chinese characters is installed")
    return fonts


def built(tmp_path: Path, reading=None, **more):
    sources = read_headers(write_ct_series(tmp_path / "ct"))
    arguments = {"institution": "H", "language": "en", "fonts": LATIN, **more}
    return build_secondary_captures(reading or judged(), sources, **arguments)


def said(blocks) -> str:
    lines = []
    for block in blocks:
        lines += block.cells if isinstance(block, TableRow) else [block.text]
    return "\n".join(lines)


def test_the_page_says_what_a_reader_must_know(tmp_path):
    (source, *_) = read_headers(write_ct_series(tmp_path / "ct", patient_name="Doe^Jane"))
    texts = Texts("en")
    whole = said(
        [
            *page_head(source, texts, Standing(), "Test hospital"),
            *page_blocks(judged(), texts, Standing()),
        ]
    )
    for part in (
        "PRELIMINARY: not reviewed, not signed by a clinician",
        "Doe Jane · P1 · 1960-01-01 · female",
        "2026-11-23 · Chest · ACC1",
        "Test hospital",
        "Nodule of lung, Right lung",
        "23.5 × 16.1 mm · 3,142 mm³",
        "91%",
        "solid, Mean Attenuation Coefficient -12.5 HU",
        "4B (Lung-RADS v2022)",
        "lung-nodule-test 1.2.3",
        "For tests only.",
        "Not measured.",
        "Slices of 2 mm.",
    ):
        assert part in whole


def test_the_page_is_chinese_where_the_site_is():
    texts = Texts("zh")
    whole = said(page_blocks(judged(), texts, Standing()))
    assert "肺结节" in whole
    assert said([*page_head_of_nobody(texts)]).count("初步结果：未经医生审核，未签署") == 1


def page_head_of_nobody(texts):
    from pydicom.dataset import Dataset

    return page_head(Dataset(), texts, Standing(), "")


def test_no_finding_is_not_called_healthy():
    assert "does not exclude disease" in said(page_blocks(judged(0), Texts("en"), Standing()))


def test_the_image_is_marked_and_belongs_to_the_study(tmp_path):
    (image,) = built(tmp_path)
    assert image.BurnedInAnnotation == "YES"
    assert image.PhotometricInterpretation == "RGB"
    assert image.pixel_array.shape == (page.HEIGHT, page.WIDTH, 3)
    assert (image.Modality, image.ConversionType) == ("OT", "WSD")
    assert image.StudyInstanceUID == judged().study_uid
    assert image.SeriesDescription == "AI summary (preliminary)"
    assert (image.BodyPartExamined, "Laterality" in image) == ("CHEST", False)


def test_running_twice_gives_the_same_pages_and_another_reading_others(tmp_path):
    once, again = built(tmp_path / "a"), built(tmp_path / "b")
    assert [(i.SOPInstanceUID, i.PixelData) for i in once] == [
        (i.SOPInstanceUID, i.PixelData) for i in again
    ]
    other = built(tmp_path / "c", replace(judged(), id="another"))
    assert other[0].SOPInstanceUID != once[0].SOPInstanceUID


def test_many_findings_take_several_pages_each_with_the_banner(tmp_path):
    reading = judged()
    many = replace(
        reading,
        findings=tuple(replace(reading.findings[0], id=str(n)) for n in range(1, 41)),
    )
    images = built(tmp_path, many)
    assert [i.InstanceNumber for i in images] == list(range(1, len(images) + 1))
    assert len(images) >= 3
    assert len({i.SOPInstanceUID for i in images}) == len(images)
    assert len({i.SeriesInstanceUID for i in images}) == 1
    red = (150, 40, 30)
    for image in images:
        assert (image.pixel_array == red).all(axis=-1).sum() > 10_000


def test_the_signed_page_names_the_signer_and_holds_accepted_findings_only(tmp_path):
    verdicts = {"1": ("accepted", ""), "2": ("rejected", "vessel")}
    (image,) = built(tmp_path, verdicts=verdicts, signer=SIGNER)
    (preliminary,) = built(tmp_path)
    assert image.SeriesDescription == "AI summary (signed)"
    assert image.SOPInstanceUID != preliminary.SOPInstanceUID
    assert image.SeriesInstanceUID != preliminary.SeriesInstanceUID
    green, red = (25, 95, 60), (150, 40, 30)
    assert (image.pixel_array == green).all(axis=-1).any()
    assert not (image.pixel_array == red).all(axis=-1).any()
    with pytest.raises(ReportError, match="finding 2 has no verdict"):
        built(tmp_path, verdicts={"1": ("accepted", "")}, signer=SIGNER)


def test_without_a_chinese_font_the_page_is_english(tmp_path):
    (english,) = built(tmp_path, language="en")
    (fallen_back,) = built(tmp_path, language="zh")
    assert fallen_back.PixelData == english.PixelData
    (chinese,) = built(tmp_path, language="zh", fonts=chinese_fonts())
    assert chinese.PixelData != built(tmp_path, language="en", fonts=chinese_fonts())[0].PixelData


def test_a_font_for_simplified_chinese_is_chosen(tmp_path):
    fonts = chinese_fonts()
    family, _ = fonts.size(20).getname()
    assert family is not None
    glyphs = {fonts.size(20).getmask(letter).getbbox() for letter in "骨直"}
    assert None not in glyphs
    assert not find_fonts([tmp_path]).has_chinese
    (tmp_path / "simhei.ttf").write_bytes(b"no font")
    assert not find_fonts([tmp_path, tmp_path / "none"]).has_chinese


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300), st.sampled_from(["title", "heading", "text", "small"]))
def test_no_text_is_too_wide_or_lost(text, style):
    from clinical_ai.formats import visible

    font = LATIN.size(page._SIZES[style])
    lines = page._wrap(text, style, 300, LATIN)
    assert all(font.getlength(line) <= 300 or len(line) <= 3 for line in lines)
    assert "".join("".join(lines).split()) == "".join(visible(text).split())


def test_chinese_text_breaks_between_characters_but_not_before_a_full_stop():
    fonts = chinese_fonts()
    width = fonts.size(page._SIZES["text"]).getlength("中" * 10)
    lines = page._wrap("中" * 10 + "。" + "文" * 5 + " word", "text", width, fonts)
    assert lines == ["中" * 10 + "。", "文" * 5 + " word"]


def test_a_foot_with_braces_is_no_template():
    foot = page_foot("{x}", Texts("en"))
    assert foot.format(page=1, pages=2).endswith("at {x} · 1 / 2")


def test_every_kind_of_block_is_drawn():
    blocks = [Text("a"), Banner("b", (1, 2, 3)), TableRow(("c", "d"), (0.5, 0.5))]
    (pixels,) = draw_pages(blocks, head=[], foot="{page}", fonts=LATIN)
    assert pixels.dtype == np.uint8
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


def test_hostile_text_of_model_and_patient_is_drawn_as_it_is(tmp_path):
    reading = judged()
    odd = replace(reading.model, name="{0}\n" * 40, intended_use=Message("x\x1b[31m" * 50))
    assert built(tmp_path, replace(reading, model=odd), institution="\u202eevil" * 30)
