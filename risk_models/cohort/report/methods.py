"""The chapter on methods: how numbers were made, whose equations, and what to be careful of."""

from collections.abc import Iterator

from risk_models.cohort.indicators import CONTROLS, INDICATORS
from risk_models.cohort.report.document import Block, Bullets, Heading, Table
from risk_models.cohort.report.texts import Texts
from risk_models.cohort.run import Manifest
from risk_models.cohort.scoring import FOR_PEOPLE_WITHOUT_CVD
from risk_models.cohort.standardise import StandardPopulation
from risk_models.cohort.strata import SMALLEST_DISTRICT
from risk_models.equations.registry import EQUATIONS


def methods_blocks(
    manifest: Manifest,
    standards: tuple[StandardPopulation, ...],
    ages: tuple[int, int],
    t: Texts,
) -> Iterator[Block]:
    """Blocks on methods, equations, guidelines and cautions."""
    yield Heading(t("Methods"))
    yield Bullets(tuple(_statements(manifest, ages, t)))
    rows = []
    for chosen in manifest.chosen:
        equation = EQUATIONS[chosen.name]
        variant = equation.variant(chosen.variant)
        rows.append((t.name(equation.title), variant.name, equation.age_range, equation.source))
    yield Table(
        "equations",
        t("Equations"),
        (t("equation"), t("variant"), t("published ages"), t("source")),
        tuple(rows),
        text_columns=4,
    )
    sources = dict.fromkeys(one.source for one in INDICATORS if one.source)
    standard_sources = [t.pair(t(one.title), one.citation) for one in standards]
    yield Heading(t("Guidelines and standard populations"), level=2)
    yield Bullets((*sources, *standard_sources))
    yield Heading(t("Cautions"), level=2)
    yield Bullets(tuple(_cautions(manifest, t)))


def _statements(manifest: Manifest, ages: tuple[int, int], t: Texts) -> Iterator[str]:
    yield t(
        "Each person's record holds the latest valid value of every field; a value outside its "
        "plausible range, or without a known unit, is reported and not used. Units are taken "
        "from the data or the mapping and never guessed."
    )
    yield t("Ages count completed years on the day given above.")
    yield t(
        "BMI is derived from weight and height; eGFR from creatinine by CKD-EPI 2021; the CKD "
        "stage from eGFR alone, without albuminuria or the three months a diagnosis asks for."
    )
    if any(one.name in FOR_PEOPLE_WITHOUT_CVD for one in manifest.chosen):
        yield t(
            "Equations of primary prevention are not applied to people with known "
            "cardiovascular disease. Someone without an entry counts as free of it."
        )
    yield t(
        "Blood pressure targets follow the 2024 Chinese guideline; under 65 years only known "
        "clinical disease decides the target, because the guideline's own risk level needs more "
        "than the record holds. LDL targets follow the 2023 Chinese lipid guideline."
    )
    yield t(
        "{title}: below {limit} %, a setting of this run.",
        title=t(CONTROLS[3].title),
        limit=f"{manifest.hba1c_target_percent:g}",
    )
    yield t(
        "Crude proportions have Wilson intervals. Rates between {low} and {high} years are "
        "directly standardised with gamma intervals (Fay and Feuer 1997); a stratum in which a "
        "five-year band has nobody gets no rate.",
        low=ages[0],
        high=ages[1],
    )
    yield t(
        "Reassessment is due by the end of the longest interval of the 2019 guideline, counted "
        "from the latest visit."
    )
    yield t("Districts with fewer than {people} people are put together.", people=SMALLEST_DISTRICT)
    yield t(
        "Hidden counts cannot be worked out from the totals of their own table or of the tables "
        "that share those totals. Reports of overlapping populations could still be compared: "
        "do not publish one for a district and another for all but that district."
    )


def _cautions(manifest: Manifest, t: Texts) -> Iterator[str]:
    yield t("None of these numbers replaces a clinician's judgement.")
    seen: set[str] = set()
    for chosen in manifest.chosen:
        equation = EQUATIONS[chosen.name]
        for rule in equation.variant(chosen.variant).cautions:
            text = t(rule.message.template, **rule.message.values)
            line = t.pair(t.name(equation.title), text)
            if line not in seen:
                seen.add(line)
                yield line
