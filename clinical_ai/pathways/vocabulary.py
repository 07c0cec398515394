"""What pathway files may speak of: the kinds of facts that a record holds."""

from collections.abc import Mapping
from functools import cache

from clinical_ai.records.kinds import Measure, vocabulary

# Beside those that answers of observations stand for: made by our own readers and by
# `clinical_ai.records.record.ImagingFact`.
_IMAGING = frozenset({"dr_grade", "lung_rads", "bi_rads", "ti_rads", "coronary_artery_calcium"})


def measures() -> Mapping[str, Measure]:
    """Return the measures by name, each with its unit and plausible range."""
    return vocabulary().measures


@cache
def problems() -> frozenset[str]:
    """Return the kinds of problem."""
    return frozenset(kind for kinds in vocabulary().problems.values() for kind in kinds)


@cache
def drug_classes() -> frozenset[str]:
    """Return the classes of drugs, those that hold others among them."""
    known = vocabulary()
    parents = (parent for kinds in known.drug_parents.values() for parent in kinds)
    return frozenset((*known.drug_names, *known.drug_groups.values(), *parents))


@cache
def procedures() -> frozenset[str]:
    """Return the kinds of procedure."""
    return frozenset(kind for kinds in vocabulary().procedures.values() for kind in kinds)


@cache
def imaging() -> frozenset[str]:
    """Return the kinds of imaging result."""
    return _IMAGING | {kind for kind, _ in vocabulary().imaging.values()}
