"""What the knowledge graph is made of: nodes, edges, and the sources that are cited for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

ClassName = Literal[
    "Disease",
    "Finding",
    "ImagingSign",
    "RiskFactor",
    "Population",
    "DrugClass",
    "Procedure",
    "Lifestyle",
    "Test",
    "Category",
    "RiskEquation",
    "Recommendation",
]

CodeSystem = Literal["snomed", "icd10", "loinc", "atc"]
CODE_SYSTEMS: Mapping[CodeSystem, str] = {
    "snomed": "http://snomed.info/sct",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "loinc": "http://loinc.org",
    "atc": "http://www.whocc.no/atc",
}
"""URI of each code system, as in FHIR R4 (https://hl7.org/fhir/R4/terminologies-systems.html)."""


@dataclass(frozen=True, slots=True)
class KnowledgeCode:
    """A code of a node, and where it was confirmed.

    Parameters
    ----------
    system
        ``"snomed"``, ``"icd10"``, ``"loinc"`` or ``"atc"``; `CODE_SYSTEMS` has the URIs.
    confirmed_in
        The table or data set in which code and meaning were read.
    """

    system: CodeSystem
    code: str
    confirmed_in: str


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers of a category: limits of one measure.

    Parameters
    ----------
    of
        Id of the test that is measured.
    from_, over, below, up_to
        At least, more than, less than, at most; None where there is no such limit.
    unit
        UCUM.
    sex
        Set where the limits hold for one sex only.
    """

    of: str
    unit: str
    from_: float | None = None
    over: float | None = None
    below: float | None = None
    up_to: float | None = None
    sex: Literal["male", "female"] | None = None

    def holds(self, value: float) -> bool:
        """Whether a value in the unit of the range lies in it."""
        return (
            (self.from_ is None or value >= self.from_)
            and (self.over is None or value > self.over)
            and (self.below is None or value < self.below)
            and (self.up_to is None or value <= self.up_to)
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A guideline, standard or paper.

    Parameters
    ----------
    citation
        Authors or body, journal, volume and pages.
    doi
        Empty where it was not certain.
    checked
        How the statements that cite it were checked.
    """

    id: str
    labels: Mapping[Language, str]
    citation: str
    year: int
    doi: str = ""
    checked: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """A source, and the chapter, table or figure in it where that is known."""

    source: Source
    section: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing of medicine.

    Parameters
    ----------
    id
        Local name, for example ``"type-2-diabetes"``.
    labels
        The preferred term in each language.
    synonyms
        Other terms by which a question may name it.
    text
        The words of a recommendation, in each language; empty for others.
    ranges
        Limits in numbers, of a category or a population (age).
    needs_all
        Whether all of `ranges` must hold, or one is enough.
    sources
        Where its numbers or words are from (categories, recommendations, equations).
    scheme
        Name of a set of categories of which one value falls into one only; may be empty.
    registry_id
        Identifier in `risk_models.equations.registry`, for an equation that we compute.
    area
        Name of the data file that defines it.
    """

    id: str
    kind: ClassName
    labels: Mapping[Language, str]
    synonyms: Mapping[Language, tuple[str, ...]]
    text: Mapping[Language, str]
    codes: tuple[KnowledgeCode, ...]
    ranges: tuple[Range, ...]
    needs_all: bool
    sources: tuple[Citation, ...]
    scheme: str
    registry_id: str
    area: str


@dataclass(frozen=True, slots=True)
class Edge:
    """One statement of the graph.

    Parameters
    ----------
    predicate
        Local name of the kind of edge, for example ``"treatedWith"``.
    when
        Ids of nodes that must all apply.
    line
        Line of treatment: 1 is first.
    combined_with
        Ids of drug classes that are given with the object.
    interval
        ISO 8601 duration (``"P1Y"``), or two with a slash for a range.
    note
        What the edge alone does not say, in each language; may be empty.
    citations
        At least one.
    """

    subject: str
    predicate: str
    object: str
    citations: tuple[Citation, ...]
    when: tuple[str, ...] = ()
    line: int | None = None
    combined_with: tuple[str, ...] = ()
    interval: str = ""
    note: Mapping[Language, str] | None = None


@dataclass(frozen=True, slots=True)
class EdgeType:
    """A kind of edge: how it is said, and which classes it may join."""

    name: str
    labels: Mapping[Language, str]
    phrase: Mapping[Language, str]
    domain: frozenset[str]
    range: frozenset[str]
