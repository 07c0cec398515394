"""Of what study and whose patient the resources tell, in which language."""

from dataclasses import dataclass

from clinical_ai.errors import ReportError
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.elements import Element, cleaned, identifier
from clinical_ai.texts import Texts
from pacs_bridge.records import SeriesRecord, StudyRecord


@dataclass(frozen=True, slots=True)
class PatientLink:
    """The patient as the receiver knows him or her.

    Parameters
    ----------
    reference
        ``Patient/id`` at the receiver, where the patient was matched; None otherwise. No
        Patient is ever made.
    number, system
        The patient's number in the images and the URI of who gave it; `system` may be empty.
    assigner
        Who gave the number, in words: the issuer of the patient ID.
    """

    reference: str | None
    number: str = ""
    system: str = ""
    assigner: str = ""

    @property
    def known(self) -> bool:
        """Whether anything says who the patient is."""
        return bool(self.reference or cleaned(self.number))

    def subject(self) -> Element:
        """Return the reference that every resource on the patient carries.

        Raises
        ------
        ReportError
            When neither the record nor the images say who the patient is.
        """
        if not self.known:
            raise ReportError(
                "the study has no patient ID and no matched patient, so the receiver cannot "
                "tell whose results these are"
            )
        found: Element = {"type": "Patient"}
        if self.reference:
            found["reference"] = self.reference
        if cleaned(self.number):
            more: Element = {"type": hl7.MEDICAL_RECORD.concept}
            if self.assigner:
                more["assigner"] = {"display": self.assigner}
            found["identifier"] = identifier(self.system, self.number, **more)
        return found


@dataclass(frozen=True, slots=True)
class Told:
    """What every resource of one bundle has in common.

    Parameters
    ----------
    study, series
        As the archive knows them.
    institution
        Where the report is made; may be empty.
    sr_sop_instance_uid
        Of the report object in the PACS; empty when there is none.
    """

    study: StudyRecord
    series: tuple[SeriesRecord, ...]
    patient: PatientLink
    texts: Texts
    institution: str = ""
    sr_sop_instance_uid: str = ""
