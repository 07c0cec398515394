"""Which equations fit a person, and why the others are left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from clinical_ai.messages import N_, Message
from clinical_ai.record_settings import RiskSettings
from clinical_ai.risk.profile import PanelEntry
from risk_models import EQUATIONS
from risk_models.variables import Measure

_Fields = Mapping[str, float | bool | str]


@dataclass(frozen=True, slots=True)
class Person:
    """What the choice looks at.

    Parameters
    ----------
    values
        By input of the equations without its unit (``total_cholesterol``), assumptions among
        them.
    calcium_score
        Agatston score of a signed imaging result.
    """

    values: _Fields
    calcium_score: float | None = None
    deceased: bool = False

    def has(self, *names: str) -> bool:
        """Whether all of these are known."""
        return all(name in self.values for name in names)

    def yes(self, *names: str) -> bool:
        """Whether one of these is known to be so."""
        return any(self.values.get(name) is True for name in names)

    def number(self, name: str) -> float | None:
        """Return a number, or None."""
        value = self.values.get(name)
        return float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True)
class Choice:
    """An equation that is asked: its variant, and inputs that no record holds."""

    equation: str
    why: Message
    variant: str | None = None
    given: _Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Left:
    why: Message


_Answer = Choice | _Left
_Rule = Callable[[Person, RiskSettings], _Answer]

_CVD = N_("Left out: cardiovascular disease is listed, and it is for people without.")
_DIABETES = N_("Left out: it is for people without diabetes.")
_NO_SETTING = N_("Left out: the setting risk.{setting} of the site is not made.")
_CVD_FIELDS = ("ascvd", "prevalent_cvd", "cardiovascular_disease")


def choose_panel(
    person: Person, place: RiskSettings
) -> tuple[tuple[Choice, ...], list[PanelEntry]]:
    """Return the equations to ask, and an entry for every equation that there is.

    Parameters
    ----------
    place
        What the site's settings say of where its people live.
    """
    choices: list[Choice] = []
    left: list[PanelEntry] = []
    for equation in EQUATIONS:
        answer = _answer(equation, person, place)
        if isinstance(answer, Choice):
            choices.append(answer)
        else:
            left.append(PanelEntry(equation, asked=False, why=answer.why))
    asked = [PanelEntry(c.equation, asked=True, why=c.why) for c in choices]
    return tuple(choices), [*asked, *left]


def _answer(equation: str, person: Person, place: RiskSettings) -> _Answer:
    if person.deceased:
        return _Left(Message(N_("Left out: the record says that the person has died.")))
    answer = _RULES[equation](person, place)
    if isinstance(answer, _Left):
        return answer
    age = person.number("age")
    limits = _ages(equation, answer.variant)
    if age is None or limits is None or limits.low <= age < limits.high + 1:
        return answer
    return _Left(
        Message(
            N_("Left out: it takes ages {low} to {high}."),
            {"low": f"{limits.low:g}", "high": f"{limits.high:g}"},
        )
    )


def _ages(equation: str, variant: str | None) -> Measure | None:
    variables = EQUATIONS[equation].variant(variant).variables
    return next((v for v in variables if isinstance(v, Measure) and v.name == "age"), None)


def _primary(equation: str, why: str, **given: float | bool | str) -> _Rule:
    """Make the rule of an equation for people without cardiovascular disease."""

    def rule(person: Person, _place: RiskSettings) -> _Answer:
        if person.yes(*_CVD_FIELDS):
            return _Left(Message(_CVD))
        return Choice(equation, Message(why), None, given)

    return rule


def _never(why: str) -> _Rule:
    return lambda _person, _place: _Left(Message(why))


def _china_par(person: Person, place: RiskSettings) -> _Answer:
    if person.yes(*_CVD_FIELDS):
        return _Left(Message(_CVD))
    given = {
        name: value
        for name, value in (
            ("north_of_yangtze", place.north_of_yangtze),
            ("urban", place.urban),
        )
        if value is not None
    }
    why = N_("Made for Chinese adults without cardiovascular disease.")
    return Choice("china_par_10y", Message(why), None, given)


def _prevent(person: Person, _place: RiskSettings) -> _Answer:
    if person.yes(*_CVD_FIELDS):
        return _Left(Message(_CVD))
    hba1c, uacr = person.has("hba1c"), person.has("uacr")
    variant = "full" if hba1c and uacr else "hba1c" if hba1c else "uacr" if uacr else "base"
    why = N_("Adults without cardiovascular disease; also gives heart failure and 30 years.")
    return Choice("prevent_2023", Message(why), variant)


def _who(person: Person, place: RiskSettings) -> _Answer:
    if person.yes(*_CVD_FIELDS):
        return _Left(Message(_CVD))
    if place.who_region is None:
        return _Left(Message(_NO_SETTING, {"setting": "who_region"}))
    variant = "lab" if person.has("total_cholesterol") else "nonlab"
    why = Message(N_("WHO charts of the region {region}."), {"region": place.who_region})
    return Choice("who_cvd_2019", why, variant, {"region": place.who_region})


def _score2(equation: str, setting: str, *, diabetes: bool | None) -> _Rule:
    """Make the rule of a member of the SCORE2 family.

    Parameters
    ----------
    diabetes
        Only with (True) or only without (False); None for both.
    """

    def rule(person: Person, place: RiskSettings) -> _Answer:
        region = getattr(place, setting)
        if person.yes(*_CVD_FIELDS):
            return _Left(Message(_CVD))
        if diabetes is False and person.yes("diabetes"):
            return _Left(Message(_DIABETES))
        if diabetes is True and not person.yes("diabetes"):
            return _Left(Message(N_("Left out: it is for people with type 2 diabetes.")))
        if diabetes is True and person.yes("diabetes_type_1"):
            return _Left(Message(N_("Left out: it is for type 2 diabetes; type 1 is listed.")))
        if region is None:
            return _Left(Message(_NO_SETTING, {"setting": setting}))
        why = Message(N_("Risk region {region}, set for this site."), {"region": region})
        return Choice(equation, why, None, {"region": region})

    return rule


def _mesa(person: Person, _place: RiskSettings) -> _Answer:
    if person.yes(*_CVD_FIELDS):
        return _Left(Message(_CVD))
    if person.calcium_score is None:
        return _Left(Message(N_("Left out: no signed coronary calcium score is known.")))
    why = N_("Published with the coronary calcium score, which is known; for Chinese Americans.")
    given: _Fields = {"race": "chinese", "coronary_artery_calcium": person.calcium_score}
    return Choice("mesa_chd_cac_2015", Message(why), "with_cac", given)


def _stroke(person: Person, _place: RiskSettings) -> _Answer:
    if person.yes("stroke", "stroke_tia_thromboembolism"):
        return _Left(Message(N_("Left out: a stroke or TIA is listed.")))
    return Choice("framingham_stroke_2017", Message(N_("People without stroke or TIA.")))


def _framingham(person: Person, _place: RiskSettings) -> _Answer:
    if person.yes(*_CVD_FIELDS):
        return _Left(Message(_CVD))
    variant = "lab" if person.has("total_cholesterol", "hdl_cholesterol") else "bmi"
    why = N_("For comparison; made in the United States.")
    return Choice("framingham_cvd_2008", Message(why), variant)


def _hypertension(person: Person, _place: RiskSettings) -> _Answer:
    if person.yes("hypertension", "bp_treated"):
        return _Left(Message(N_("Left out: hypertension is listed or treated.")))
    if person.yes("diabetes"):
        return _Left(Message(_DIABETES))
    pressures = (person.number("systolic_bp") or 0, person.number("diastolic_bp") or 0)
    if pressures[0] >= 140 or pressures[1] >= 90:
        return _Left(Message(N_("Left out: the blood pressure is 140/90 mmHg or more.")))
    why = N_("Neither hypertension nor diabetes is listed.")
    return Choice("hypertension_onset", Message(why))


def _diabetes_onset(person: Person, _place: RiskSettings) -> _Answer:
    if person.yes("diabetes"):
        return _Left(Message(N_("Left out: diabetes is listed.")))
    return Choice("cdrs_2013", Message(N_("No diabetes is listed.")))


def _fibrillation(equation: str) -> _Rule:
    def rule(person: Person, _place: RiskSettings) -> _Answer:
        if not person.yes("atrial_fibrillation"):
            return _Left(Message(N_("Left out: no atrial fibrillation is listed.")))
        return Choice(equation, Message(N_("Atrial fibrillation is listed.")))

    return rule


def _kidney(person: Person, _place: RiskSettings) -> _Answer:
    if not person.has("creatinine"):
        return _Left(Message(N_("Left out: no creatinine is known.")))
    return Choice("ckd_epi_2021", Message(N_("Creatinine is known.")))


def _ldl(equation: str) -> _Rule:
    def rule(person: Person, _place: RiskSettings) -> _Answer:
        if person.has("ldl_cholesterol"):
            return _Left(Message(N_("Left out: LDL cholesterol was measured.")))
        if not person.has("total_cholesterol", "hdl_cholesterol", "triglycerides"):
            return _Left(Message(N_("Left out: total, HDL cholesterol or triglycerides unknown.")))
        why = N_("LDL cholesterol was not measured; total, HDL and triglycerides were.")
        return Choice(equation, Message(why), "mmol_l")

    return rule


_OF_AN_IMAGE = N_("Left out: it speaks of a nodule or an image; see the reading.")
_RULES: Mapping[str, _Rule] = {
    "china_par_10y": _china_par,
    "ckb_cvd": _primary("ckb_cvd", N_("Chinese adults; needs no laboratory values.")),
    "prevent_2023": _prevent,
    "who_cvd_2019": _who,
    "score2": _score2("score2", "score2_region", diabetes=False),
    "score2_op": _score2("score2_op", "score2_region", diabetes=None),
    "score2_diabetes": _score2("score2_diabetes", "score2_region", diabetes=True),
    "score2_asia_pacific": _score2(
        "score2_asia_pacific", "score2_asia_pacific_region", diabetes=False
    ),
    "pce_2013": _primary(
        "pce_2013",
        N_("For comparison; made in the United States, with the coefficients of White adults."),
        race="other",
    ),
    "framingham_cvd_2008": _framingham,
    "framingham_stroke_2017": _stroke,
    "framingham_stroke_1994_men": _never(N_("Left out: replaced by the revision of 2017.")),
    "mesa_chd_cac_2015": _mesa,
    "hypertension_onset": _hypertension,
    "cdrs_2013": _diabetes_onset,
    "findrisc": _never(N_("Left out: it asks for diet and activity, which no record holds.")),
    "cha2ds2_vasc": _fibrillation("cha2ds2_vasc"),
    "cha2ds2_va": _fibrillation("cha2ds2_va"),
    "has_bled": _fibrillation("has_bled"),
    "ckd_epi_2021": _kidney,
    "ckd_epi_2009": _never(N_("Left out: replaced by the equation of 2021.")),
    "ldl_friedewald": _ldl("ldl_friedewald"),
    "ldl_sampson": _ldl("ldl_sampson"),
    "ldl_martin_hopkins": _ldl("ldl_martin_hopkins"),
    **dict.fromkeys(
        ("brock_pancan", "mayo_nodule", "herder", "growth_vdt", "agatston"), _never(_OF_AN_IMAGE)
    ),
}
