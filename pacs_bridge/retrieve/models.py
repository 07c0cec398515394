"""Query/Retrieve information models (PS3.4 annex C.6), study root before patient root."""

from collections.abc import Iterator
from dataclasses import dataclass

from pynetdicom.sop_class import (
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)


@dataclass(frozen=True, slots=True)
class Models:
    """SOP Class UIDs to propose for one service, the preferred ones first."""

    study_root: tuple[str, ...] = ()
    patient_root: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        """In order of preference."""
        yield from (*self.study_root, *self.patient_root)


FIND = Models(
    (StudyRootQueryRetrieveInformationModelFind,), (PatientRootQueryRetrieveInformationModelFind,)
)
MOVE = Models(
    (StudyRootQueryRetrieveInformationModelMove,), (PatientRootQueryRetrieveInformationModelMove,)
)
GET = Models(
    (StudyRootQueryRetrieveInformationModelGet,), (PatientRootQueryRetrieveInformationModelGet,)
)
WORKLIST = Models((ModalityWorklistInformationFind,))
