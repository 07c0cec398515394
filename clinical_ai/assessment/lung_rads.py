"""ACR Lung-RADS v2022: category and management of nodules on lung cancer screening CT.

Source: American College of Radiology, Lung-RADS v2022 assessment categories (November 2022);
Christensen J, et al. J Am Coll Radiol 2024;21:473-488, doi:10.1016/j.jacr.2023.09.009. The size
tables were checked against two independent transcriptions of the ACR table; the rows on atypical
cysts against three. Rows that the ACR table does not have are named in `LungRadsResult.notes`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from clinical_ai import codes
from clinical_ai.codes import Code
from clinical_ai.messages import N_, Message

SCHEME = "Lung-RADS v2022"
CITATION = (
    "ACR Lung-RADS v2022; Christensen J, et al. J Am Coll Radiol 2024;21:473-488 "
    "(doi:10.1016/j.jacr.2023.09.009)"
)

Category = Literal["0", "1", "2", "3", "4A", "4B", "4X"]
NoduleType = Literal["solid", "part_solid", "nonsolid", "juxtapleural", "airway", "cyst"]
Timepoint = Literal["baseline", "new", "stable", "growing"]
AirwayLevel = Literal["subsegmental", "segmental"]
Cyst = Literal["thin_walled", "thick_walled", "multilocular", "became_multilocular"]
CystChange = Literal["none", "larger_cyst", "thicker_wall", "more_loculation"]

CATEGORY_CODES: dict[Category, Code] = {
    "0": codes.LUNG_RADS_0,
    "1": codes.LUNG_RADS_1,
    "2": codes.LUNG_RADS_2,
    "3": codes.LUNG_RADS_3,
    "4A": codes.LUNG_RADS_4A,
    "4B": codes.LUNG_RADS_4B,
    "4X": codes.LUNG_RADS_4X,
}
SEVERITY: tuple[str, ...] = ("1", "2", "3", "4A", "4B", "4X")

# Follow-up after which an unchanged lesion steps down one category (stepped management)
_STEP_DOWN: dict[str, tuple[Category, int]] = {"3": ("2", 6), "4A": ("3", 3)}


@dataclass(frozen=True, slots=True)
class ScreenedNodule:
    """One lesion as Lung-RADS looks at it.

    Parameters
    ----------
    type
        Composition, or the special kinds juxtapleural (solid, smooth, oval, lentiform or
        triangular), airway and cyst.
    timepoint
        ``"baseline"`` on a first screen; else compared with the earlier CT. ``"growing"`` means
        more than 1.5 mm in mean diameter within 12 months; ``"stable"`` includes smaller.
    mean_mm
        Mean of long and short axis of the whole lesion, mm; not needed for airway and cyst.
    solid_mm
        Mean diameter of the solid part, mm; part-solid only. None when not measured.
    prior_category
        Lung-RADS category of this lesion at the last screen, for stepped management.
    months_since_prior
        Age of the earlier CT; None means at least as long as the stepped management asks.
    slow_growth
        Grew over several screens, but never by more than 1.5 mm within 12 months.
    benign_pattern
        Complete, central, popcorn or concentric calcification, or fat.
    proven_benign
        A 4B lesion found benign by an appropriate work-up.
    suspicious
        Features that raise suspicion, for example ``"spiculation"``.
    airway_level, airway_air
        Where the airway lesion lies, and whether it holds air with no soft tissue beneath, which
        favours secretions.
    cyst, cyst_change
        Wall and chambers of an atypical cyst, and what changed since the earlier CT.
    """

    type: NoduleType
    timepoint: Timepoint = "baseline"
    mean_mm: float | None = None
    solid_mm: float | None = None
    prior_category: Category | None = None
    months_since_prior: float | None = None
    slow_growth: bool = False
    benign_pattern: bool = False
    proven_benign: bool = False
    suspicious: tuple[str, ...] = ()
    airway_level: AirwayLevel = "segmental"
    airway_air: bool = False
    cyst: Cyst = "thick_walled"
    cyst_change: CystChange = "none"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("type", self.type, NoduleType),
            ("timepoint", self.timepoint, Timepoint),
            ("airway_level", self.airway_level, AirwayLevel),
            ("cyst", self.cyst, Cyst),
            ("cyst_change", self.cyst_change, CystChange),
        ):
            if value not in get_args(allowed):
                raise ValueError(f"{name} {value!r} is not one of {list(get_args(allowed))}")
        if self.prior_category is not None and self.prior_category not in get_args(Category):
            raise ValueError(
                f"prior_category {self.prior_category!r} is not one of {list(get_args(Category))}"
            )
        if self.type not in ("airway", "cyst") and not self.benign_pattern and self.mean_mm is None:
            raise ValueError(f"mean_mm is needed for a {self.type} nodule")
        for name, size in (("mean_mm", self.mean_mm), ("solid_mm", self.solid_mm)):
            if size is not None and not (math.isfinite(size) and size >= 0):
                raise ValueError(f"{name} {size!r} is not a size in mm")
        if self.solid_mm is not None and self.mean_mm is not None and self.solid_mm > self.mean_mm:
            raise ValueError(
                f"solid_mm {self.solid_mm} is larger than the whole nodule, {self.mean_mm} mm"
            )


@dataclass(frozen=True, slots=True)
class LungRadsResult:
    """Category, the row of the table that gave it, and what to do.

    Parameters
    ----------
    significant_other_finding
        True adds the modifier S to the category.
    notes
        Assumptions, and places where the ACR table has no row.
    """

    category: Category
    branch: Message
    recommendation: Message
    notes: tuple[Message, ...] = ()
    significant_other_finding: bool = False

    @property
    def label(self) -> str:
        """Category with the modifier, for example ``"2 S"``."""
        return f"{self.category} S" if self.significant_other_finding else self.category


_Rows = tuple[tuple[float, Category, str], ...]  # below this size in mm: category, row

_SOLID: dict[str, _Rows] = {
    "baseline": (
        (6, "2", N_("Solid nodule under 6 mm at baseline")),
        (8, "3", N_("Solid nodule of 6 to under 8 mm at baseline")),
        (15, "4A", N_("Solid nodule of 8 to under 15 mm at baseline")),
        (math.inf, "4B", N_("Solid nodule of 15 mm or more at baseline")),
    ),
    "new": (
        (4, "2", N_("New solid nodule under 4 mm")),
        (6, "3", N_("New solid nodule of 4 to under 6 mm")),
        (8, "4A", N_("New solid nodule of 6 to under 8 mm")),
        (math.inf, "4B", N_("New solid nodule of 8 mm or more")),
    ),
    "growing": (
        (8, "4A", N_("Growing solid nodule under 8 mm")),
        (math.inf, "4B", N_("Growing solid nodule of 8 mm or more")),
    ),
}
_PART_SOLID_BASELINE: _Rows = (  # by size of the solid part, total 6 mm or more
    (6, "3", N_("Part-solid nodule of 6 mm or more with a solid part under 6 mm at baseline")),
    (8, "4A", N_("Part-solid nodule with a solid part of 6 to under 8 mm at baseline")),
    (math.inf, "4B", N_("Part-solid nodule with a solid part of 8 mm or more at baseline")),
)
_PART_SOLID_CHANGED: _Rows = (
    (4, "4A", N_("Part-solid nodule with a new or growing solid part under 4 mm")),
    (math.inf, "4B", N_("Part-solid nodule with a new or growing solid part of 4 mm or more")),
)
_RECOMMENDATIONS: dict[Category, str] = {
    "0": N_("Obtain the earlier CT or repeat the low-dose CT; a new category follows."),
    "1": N_("Low-dose CT in 12 months."),
    "2": N_("Low-dose CT in 12 months."),
    "3": N_("Low-dose CT in 6 months."),
    "4A": N_(
        "Low-dose CT in 3 months; PET/CT may be considered if a solid nodule or solid part "
        "measures 8 mm or more."
    ),
    "4B": N_(
        "Refer for clinical evaluation: diagnostic chest CT with or without contrast, PET/CT if a "
        "solid nodule or solid part measures 8 mm or more, tissue sampling."
    ),
    "4X": N_(
        "Refer for clinical evaluation: diagnostic chest CT with or without contrast, PET/CT if a "
        "solid nodule or solid part measures 8 mm or more, tissue sampling."
    ),
}
_INFECTION = N_("Low-dose CT in 1 to 3 months; a new category follows.")


def tenth(mm: float) -> float:
    """Round a size half up to one decimal, as Lung-RADS reports mean diameters."""
    return math.floor(mm * 10 + 0.5 + 1e-9) / 10


def _band(rows: _Rows, size_mm: float) -> tuple[Category, Message]:
    _, category, row = next(r for r in rows if tenth(size_mm) < r[0])
    return category, Message(row)


def assess_nodule(nodule: ScreenedNodule) -> LungRadsResult:
    """Return the Lung-RADS v2022 category of one lesion.

    Sizes are compared after rounding to one decimal, as the ACR asks.
    """
    category, branch, notes = _table(nodule)
    category, branch, more = _stepped(nodule, category, branch)
    notes += more
    if nodule.suspicious and category in ("3", "4A", "4B"):
        raised = N_("Category {category} raised to 4X by suspicious features: {features}.")
        features = ", ".join(nodule.suspicious)
        notes += (Message(raised, {"category": category, "features": features}),)
        category = "4X"
    return LungRadsResult(category, branch, Message(_RECOMMENDATIONS[category]), notes)


_Row = tuple[Category, Message, tuple[Message, ...]]


def _table(nodule: ScreenedNodule) -> _Row:
    """Return the category from kind, size and change, before stepped management."""
    if nodule.benign_pattern:
        return "1", Message(N_("Nodule with benign calcification or fat")), ()
    if nodule.type == "airway":
        return _airway(nodule)
    if nodule.type == "cyst":
        return _cyst(nodule)
    assert nodule.mean_mm is not None  # checked in ScreenedNodule
    if nodule.type == "nonsolid":
        return _nonsolid(nodule.mean_mm, nodule)
    if nodule.slow_growth:
        return "4B", Message(N_("Solid or part-solid nodule growing slowly over screens")), ()
    if nodule.type == "part_solid":
        return _part_solid(nodule.mean_mm, nodule)
    if (
        nodule.type == "juxtapleural"
        and nodule.timepoint != "growing"
        and tenth(nodule.mean_mm) < 10
    ):
        return "2", Message(N_("Juxtapleural nodule under 10 mm, not growing")), ()
    rows = _SOLID["baseline" if nodule.timepoint == "stable" else nodule.timepoint]
    return (*_band(rows, nodule.mean_mm), _by_size_note(nodule))


def _by_size_note(nodule: ScreenedNodule) -> tuple[Message, ...]:
    if nodule.timepoint != "stable" or nodule.prior_category is not None:
        return ()
    return (Message(N_("Unchanged, earlier category unknown: classed by its size.")),)


def _part_solid(total_mm: float, nodule: ScreenedNodule) -> _Row:
    small = tenth(total_mm) < 6
    solid_mm = nodule.solid_mm
    notes: tuple[Message, ...] = ()
    if nodule.timepoint in ("baseline", "stable"):
        notes = _by_size_note(nodule)
        if small:
            return "2", Message(N_("Part-solid nodule under 6 mm at baseline")), notes
    if solid_mm is None:
        solid_mm = 0.0
        notes += (Message(N_("Solid part not measured: the category may be higher. Measure it.")),)
    if nodule.timepoint in ("baseline", "stable"):
        return (*_band(_PART_SOLID_BASELINE, solid_mm), notes)
    if nodule.timepoint == "new" and small and tenth(solid_mm) < 4:
        return "3", Message(N_("New part-solid nodule under 6 mm")), notes
    return (*_band(_PART_SOLID_CHANGED, solid_mm), notes)


def _nonsolid(mean_mm: float, nodule: ScreenedNodule) -> _Row:
    if tenth(mean_mm) < 30:
        return "2", Message(N_("Non-solid nodule under 30 mm")), ()
    if nodule.timepoint == "stable" or nodule.slow_growth:
        return "2", Message(N_("Non-solid nodule of 30 mm or more, stable or slowly growing")), ()
    if nodule.timepoint == "growing":
        note = Message(
            N_("Lung-RADS has no row for a fast-growing non-solid nodule of 30 mm or more.")
        )
        return "3", Message(N_("Non-solid nodule of 30 mm or more, growing")), (note,)
    return "3", Message(N_("Non-solid nodule of 30 mm or more at baseline or new")), ()


def _airway(nodule: ScreenedNodule) -> _Row:
    if nodule.airway_level == "subsegmental":
        if nodule.timepoint == "growing":
            note = Message(N_("Lung-RADS has no row for a growing subsegmental airway nodule."))
            return "4A", Message(N_("Growing subsegmental airway nodule")), (note,)
        return "2", Message(N_("Subsegmental airway nodule")), ()
    if nodule.airway_air:
        note = Message(N_("Air inside favours secretions; confirm that no soft tissue lies under."))
        return "2", Message(N_("Airway abnormality with air, favouring secretions")), (note,)
    if nodule.timepoint in ("baseline", "new"):
        return (
            "4A",
            Message(N_("Segmental or more proximal airway nodule at baseline or new")),
            (),
        )
    return "4B", Message(N_("Segmental or more proximal airway nodule, stable or growing")), ()


def _cyst(nodule: ScreenedNodule) -> _Row:
    if nodule.cyst == "thin_walled":
        return "1", Message(N_("Thin-walled simple cyst: not classed by Lung-RADS")), ()
    if nodule.cyst_change == "thicker_wall":
        return "4B", Message(N_("Atypical cyst with thickening or nodular wall")), ()
    if nodule.cyst_change == "more_loculation":
        return "4B", Message(N_("Atypical cyst with more chambers or new opacity")), ()
    if nodule.cyst_change == "larger_cyst" or nodule.timepoint == "growing":
        if nodule.cyst == "thick_walled":
            return "3", Message(N_("Thick-walled cyst with a growing cystic part")), ()
        return "4B", Message(N_("Growing multilocular cyst")), ()
    return "4A", Message(N_("Thick-walled or multilocular cyst")), ()


def _stepped(nodule: ScreenedNodule, category: Category, branch: Message) -> _Row:
    """Apply stepped management to an unchanged lesion, and proof that it is benign."""
    if nodule.proven_benign:
        return "2", Message(N_("Proven benign by work-up")), ()
    prior = nodule.prior_category
    if nodule.timepoint != "stable" or prior is None or nodule.slow_growth:
        return category, branch, ()
    if nodule.type == "airway" or nodule.benign_pattern:
        return category, branch, ()
    if prior in ("4B", "4X"):
        stays = N_("Category {prior} at the last screen, unchanged, not proven benign")
        return prior, Message(stays, {"prior": prior}), ()
    if prior in ("1", "2"):
        stays = N_("Category {prior} at the last screen, unchanged")
        note = Message(N_("Assumed: it has not crossed a size limit since the earlier CT."))
        return "2", Message(stays, {"prior": prior}), (note,)
    if prior in _STEP_DOWN:
        lower, months = _STEP_DOWN[prior]
        if nodule.months_since_prior is not None and nodule.months_since_prior < months:
            early = N_("Category {prior} unchanged, but seen again before {months} months")
            return prior, Message(early, {"prior": prior, "months": months}), ()
        steps = N_("Category {prior} unchanged or smaller after {months} months")
        notes: tuple[Message, ...] = ()
        if nodule.months_since_prior is None:
            assumed = N_("Assumed: the earlier CT is at least {months} months old.")
            notes = (Message(assumed, {"months": months}),)
        return lower, Message(steps, {"prior": prior, "months": months}), notes
    return category, branch, ()


def assess_exam(
    results: Sequence[LungRadsResult],
    *,
    prior_being_located: bool = False,
    lungs_evaluable: bool = True,
    infection_suspected: bool = False,
    significant_other_finding: bool = False,
) -> LungRadsResult:
    """Return the category of the whole examination: the most suspicious of `results`.

    Parameters
    ----------
    results
        One per lesion; empty when no nodule was found.
    prior_being_located, lungs_evaluable, infection_suspected
        What makes the examination category 0.
    significant_other_finding
        Adds the modifier S.
    """
    if infection_suspected:
        found = LungRadsResult(
            "0", Message(N_("Findings suggest infection or inflammation")), Message(_INFECTION)
        )
    elif not lungs_evaluable:
        found = _incomplete(Message(N_("Part or all of the lungs cannot be evaluated")))
    elif prior_being_located:
        found = _incomplete(Message(N_("An earlier chest CT is being located")))
    elif not results:
        found = LungRadsResult(
            "1", Message(N_("No lung nodule found")), Message(_RECOMMENDATIONS["1"])
        )
    else:
        found = max(
            results, key=lambda r: SEVERITY.index(r.category) if r.category in SEVERITY else -1
        )
    return LungRadsResult(
        found.category, found.branch, found.recommendation, found.notes, significant_other_finding
    )


def _incomplete(branch: Message) -> LungRadsResult:
    return LungRadsResult("0", branch, Message(_RECOMMENDATIONS["0"]))
