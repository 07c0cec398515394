"""Codes of HL7's own code systems that FHIR R4 names for its elements.

Each is in the R4 definitions (``valuesets.json``, ``v3-codesystems.json`` and ``v2-tables.json``
of version 4.0.1), with which a test compares them; what is newer says where it stands.
Codes of medical terms are in `clinical_ai.codes`.
"""

from dataclasses import dataclass

from clinical_ai.reports.fhir.elements import Element

_THO = "http://terminology.hl7.org/CodeSystem"


@dataclass(frozen=True, slots=True)
class Hl7Code:
    """A code of HL7: system URI, value, display."""

    system: str
    value: str
    display: str

    @property
    def coding(self) -> Element:
        """The code as a Coding."""
        return {"system": self.system, "code": self.value, "display": self.display}

    @property
    def concept(self) -> Element:
        """The code as a CodeableConcept."""
        return {"coding": [self.coding]}


IMAGING = Hl7Code(f"{_THO}/observation-category", "imaging", "Imaging")

ASSEMBLER = Hl7Code(f"{_THO}/provenance-participant-type", "assembler", "Assembler")
AUTHOR = Hl7Code(f"{_THO}/provenance-participant-type", "author", "Author")
VERIFIER = Hl7Code(f"{_THO}/provenance-participant-type", "verifier", "Verifier")
CREATE = Hl7Code(f"{_THO}/v3-DataOperation", "CREATE", "create")
UPDATE = Hl7Code(f"{_THO}/v3-DataOperation", "UPDATE", "revise")

APPROVE = Hl7Code(
    "http://hl7.org/fhir/CodeSystem/task-code", "approve", "Activate/approve the focal resource"
)
FULFILL = Hl7Code(
    "http://hl7.org/fhir/CodeSystem/task-code", "fulfill", "Fulfill the focal request"
)
ALERT = Hl7Code(f"{_THO}/communication-category", "alert", "Alert")

ATTEST = Hl7Code(f"{_THO}/iso-21089-lifecycle", "attest", "Attest Record Lifecycle Event")
AMEND = Hl7Code(f"{_THO}/iso-21089-lifecycle", "amend", "Amend (Update) Record Lifecycle Event")
APPLICATION_SERVER = Hl7Code(f"{_THO}/security-source-type", "4", "Application Server")
REPORT_ROLE = Hl7Code(f"{_THO}/object-role", "3", "Report")
PATIENT_ROLE = Hl7Code(f"{_THO}/object-role", "1", "Patient")
PERSON = Hl7Code(f"{_THO}/audit-entity-type", "1", "Person")
SYSTEM_OBJECT = Hl7Code(f"{_THO}/audit-entity-type", "2", "System Object")

ACCESSION = Hl7Code(f"{_THO}/v2-0203", "ACSN", "Accession ID")
MEDICAL_RECORD = Hl7Code(f"{_THO}/v2-0203", "MR", "Medical record number")
RADIOLOGY = Hl7Code(f"{_THO}/v2-0074", "RAD", "Radiology")
CT_SECTION = Hl7Code(f"{_THO}/v2-0074", "CT", "CAT Scan")

# What a machine asserted. HL7 has since added AIAST, "Artificial Intelligence asserted", for this
# (v3-ObservationValue 6.0); servers and validators of R4 do not know that one.
DEVICE_ASSERTED = Hl7Code(f"{_THO}/v3-ObservationValue", "DEVAST", "device asserted")
