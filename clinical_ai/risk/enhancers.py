"""Risk enhancers: what a guideline names beside the equations, each with its source.

Grundy SM, et al. 2018 AHA/ACC guideline on the management of blood cholesterol. Circulation
2019;139:e1082-e1143, doi:10.1161/CIR.0000000000000625: risk-enhancing factors (family history
of premature ASCVD, LDL cholesterol of 160 mg/dL or more, chronic kidney disease with an eGFR
of 15-59, triglycerides of 175 mg/dL or more), those specific to diabetes (10 years or more of
type 2 and 20 of type 1, albuminuria of 30 mg/g or more, eGFR under 60, retinopathy), and
coronary artery calcium. What no guideline lists is said to be so.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from clinical_ai.messages import N_, Message
from clinical_ai.records.reading_facts import DAYS_A_YEAR, FIRST_DEGREE
from clinical_ai.records.record import ClinicalRecord, ImagingFact, Measured, Problem
from clinical_ai.risk.profile import RiskEnhancer

GRUNDY_2018 = (
    "Grundy SM, et al. Circulation 2019;139:e1082-e1143 (doi:10.1161/CIR.0000000000000625)"
)
WONG_2004 = "Wong TY, Mitchell P. N Engl J Med 2004;351:2310-2317 (doi:10.1056/NEJMra032865)"
WILSON_2001 = "Wilson PWF, et al. Circulation 2001;103:1529-1534 (doi:10.1161/01.CIR.103.11.1529)"

_PREMATURE_MALE, _PREMATURE_FEMALE = 55, 65
_MALE_RELATIVES = frozenset({"FTH", "NFTH", "BRO", "NBRO", "SON", "SONC", "TWINBRO"})
_FEMALE_RELATIVES = frozenset({"MTH", "NMTH", "SIS", "NSIS", "DAU", "DAUC", "TWINSIS"})
_ASCVD_KINDS = frozenset({"ascvd", "coronary_disease", "myocardial_infarction", "stroke_ischaemic"})
_LDL_MMOL_L, _TRIGLYCERIDES_MG_DL, _UACR_MG_G, _EGFR = 160 / 38.67, 175.0, 30.0, (15.0, 60.0)
_LONG_TYPE_1, _LONG_TYPE_2 = 20, 10

_RETINOPATHY = N_(
    "Diabetic retinopathy (grade {value}): an enhancer specific to diabetes. It is not part of "
    "any equation here."
)
_CALCIUM_SCORE = {
    "none": N_(
        "Coronary artery calcium score 0: the guideline lets a statin wait, unless the person "
        "smokes, has diabetes or premature ASCVD in the family."
    ),
    "some": N_(
        "Coronary artery calcium score {value}: the guideline favours a statin from 55 years."
    ),
    "much": N_(
        "Coronary artery calcium score {value} (100 or more): the guideline advises a statin."
    ),
}
_CALCIUM = N_(
    "Coronary artery calcium ({value}), not measured as a score: a score would be an enhancer."
)
_BESIDE: Mapping[str, tuple[str, str]] = {
    "retinal_arteriolar_narrowing": (
        N_("Narrow retinal arterioles ({value}): go with stroke; no guideline lists them."),
        WONG_2004,
    ),
    "retinal_arteriovenous_nicking": (
        N_("Retinal arteriovenous nicking ({value}): goes with stroke; no guideline lists it."),
        WONG_2004,
    ),
    "aortic_calcification": (
        N_("Aortic calcification ({value}): goes with vascular events; no guideline lists it."),
        WILSON_2001,
    ),
}


def risk_enhancers(
    record: ClinicalRecord, on: date, imaging: Sequence[ImagingFact]
) -> tuple[RiskEnhancer, ...]:
    """Return the enhancers that the record and imaging hold on a day.

    Parameters
    ----------
    record
        Without diagnoses of later days.
    """
    return (*_of_imaging(imaging), *_of_family(record), *_of_values(record, on))


def _of_imaging(imaging: Sequence[ImagingFact]) -> Iterator[RiskEnhancer]:
    newest = {(fact.kind, fact.laterality): fact for fact in imaging}  # the oldest come first
    for fact in newest.values():
        statement = _statement(fact)
        if statement is not None:
            template, citation = statement
            yield RiskEnhancer(
                kind=fact.kind,
                statement=Message(template, {"value": fact.value}),
                citation=citation,
                source=fact.source,
                signed=fact.signed,
            )


def _statement(fact: ImagingFact) -> tuple[str, str] | None:
    """Return the sentence and citation of an imaging fact; None when it is no enhancer."""
    if fact.kind == "dr_grade":
        return None if fact.value.strip() in ("", "0") else (_RETINOPATHY, GRUNDY_2018)
    if fact.kind == "coronary_artery_calcium":
        score = calcium_score(fact)
        if score is None:
            return _CALCIUM, GRUNDY_2018
        much = "none" if score == 0 else "some" if score < 100 else "much"
        return _CALCIUM_SCORE[much], GRUNDY_2018
    return _BESIDE.get(fact.kind)


def calcium_score(fact: ImagingFact) -> float | None:
    """Return the Agatston score of a fact; None when it states none."""
    try:
        score = float(fact.value)
    except ValueError:
        return None
    return score if 0 <= score <= 20_000 else None


def _of_family(record: ClinicalRecord) -> Iterator[RiskEnhancer]:
    for condition in record.family_history:
        if not _ASCVD_KINDS & set(condition.kinds) or condition.relation not in FIRST_DEGREE:
            continue
        age = condition.onset_age
        limit = (
            _PREMATURE_MALE
            if condition.relation in _MALE_RELATIVES
            else _PREMATURE_FEMALE
            if condition.relation in _FEMALE_RELATIVES
            else None
        )
        if age is not None and limit is not None and age < limit:
            yield RiskEnhancer(
                kind="family_history_ascvd",
                statement=Message(
                    N_("Premature cardiovascular disease of a first-degree relative, at {age}."),
                    {"age": f"{age:g}"},
                ),
                citation=GRUNDY_2018,
                source=condition.source,
            )


def _of_values(record: ClinicalRecord, on: date) -> Iterator[RiskEnhancer]:
    diabetes = record.has_problem("diabetes")
    low, high = _EGFR
    egfr = record.latest("egfr", on=on)
    if egfr is not None and low <= egfr.value < high:
        yield _measured("ckd", N_("eGFR {value} mL/min/1.73 m²: chronic kidney disease."), egfr)
    elif (problem := next(_active(record, "chronic_kidney_disease"), None)) is not None:
        yield RiskEnhancer(
            kind="ckd",
            statement=Message(N_("Chronic kidney disease is listed.")),
            citation=GRUNDY_2018,
            source=problem.source,
        )
    ldl = record.latest("ldl_cholesterol", on=on)
    if ldl is not None and ldl.value >= _LDL_MMOL_L:
        yield _measured("ldl_cholesterol", N_("LDL cholesterol {value} mmol/L (4.1 or more)."), ldl)
    triglycerides = record.latest("triglycerides", on=on)
    if triglycerides is not None and triglycerides.value >= _TRIGLYCERIDES_MG_DL:
        says = N_("Triglycerides {value} mg/dL (175 or more), if they stay so.")
        yield _measured("triglycerides", says, triglycerides)
    uacr = record.latest("uacr", on=on)
    if diabetes and uacr is not None and uacr.value >= _UACR_MG_G:
        yield _measured("albuminuria", N_("Albuminuria with diabetes: {value} mg/g."), uacr)
    yield from _long_diabetes(record, on)


def _active(record: ClinicalRecord, kind: str) -> Iterator[Problem]:
    return (p for p in record.problems if kind in p.kinds and p.active)


def _long_diabetes(record: ClinicalRecord, on: date) -> Iterator[RiskEnhancer]:
    known = [p for p in record.problems if "diabetes" in p.kinds and p.onset is not None]
    if not known:
        return
    first = min(known, key=lambda p: p.onset or on)
    assert first.onset is not None
    years = (on - first.onset).days / DAYS_A_YEAR
    type_1 = any("diabetes_type_1" in p.kinds for p in known)
    limit = _LONG_TYPE_1 if type_1 else _LONG_TYPE_2
    if years >= limit:
        yield RiskEnhancer(
            kind="diabetes_duration",
            statement=Message(
                N_("Diabetes for {years} years ({limit} or more)."),
                {"years": int(years), "limit": limit},
            ),
            citation=GRUNDY_2018,
            source=first.source,
        )


def _measured(kind: str, template: str, value: Measured) -> RiskEnhancer:
    return RiskEnhancer(
        kind=kind,
        statement=Message(template, {"value": f"{value.value:.1f}"}),
        citation=GRUNDY_2018,
        source=value.source,
    )
