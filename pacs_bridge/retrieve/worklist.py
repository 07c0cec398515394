"""The modality worklist of a RIS: what is scheduled, by C-FIND (PS3.4 annex K)."""

from dataclasses import dataclass, fields

from pydicom.dataset import Dataset

from pacs_bridge.header import is_uid
from pacs_bridge.retrieve.answers import Values, dataset_values, items_of, text
from pacs_bridge.retrieve.dimse_source import DimseSource
from pacs_bridge.retrieve.keys import declare_character_set
from pacs_bridge.retrieve.matches import check_date, check_text
from pacs_bridge.retrieve.models import WORKLIST

MAX_ITEMS = 1000
_STEPS = 0x00400100  # Scheduled Procedure Step Sequence

# Returned at the top level and in the step (PS3.4 table K.6-1).
_TOP_RETURNS = (
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "RequestedProcedureDescription",
    "RequestedProcedureID",
)
_STEP_RETURNS = (
    "Modality",
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "ScheduledPerformingPhysicianName",
    "ScheduledProcedureStepDescription",
    "ScheduledStationName",
    "ScheduledProcedureStepID",
    "ScheduledProcedureStepStatus",
)


@dataclass(frozen=True, slots=True)
class WorklistQuery:
    """Which scheduled steps are wanted; what is empty does not restrict.

    Parameters
    ----------
    date_from, date_to
        First and last scheduled day, YYYYMMDD.
    modality, station
        Of the scheduled step: modality, and AE title of the device.
    patient_id, accession_number
        Of the order.

    Raises
    ------
    QueryError
        If a value cannot stand in a query.
    """

    date_from: str = ""
    date_to: str = ""
    modality: str = ""
    station: str = ""
    patient_id: str = ""
    accession_number: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            check_text(field.name, getattr(self, field.name))
        check_date("date_from", self.date_from)
        check_date("date_to", self.date_to)

    @property
    def dates(self) -> str:
        """For range matching; a single day as such, which every RIS understands."""
        if self.date_from == self.date_to:
            return self.date_from
        return f"{self.date_from}-{self.date_to}"


@dataclass(frozen=True, slots=True)
class ScheduledStep:
    """One scheduled procedure step; texts are decoded, not escaped, empty if not given."""

    start_date: str
    start_time: str
    modality: str
    station_ae_title: str
    station_name: str
    step_id: str
    step_description: str
    step_status: str
    procedure_id: str
    procedure_description: str
    accession_number: str
    patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    referring_physician: str
    study_uid: str


def find_scheduled(
    source: DimseSource, query: WorklistQuery, *, limit: int = MAX_ITEMS
) -> list[ScheduledStep]:
    """Return scheduled steps, by date and time.

    Parameters
    ----------
    source
        The RIS or broker that has the worklist.

    Raises
    ------
    PeerError
        If it cannot be reached, has no worklist, or answers with a failure.
    """
    keys = worklist_keys(query, source.character_set)
    found: list[ScheduledStep] = []
    for answer in source.find_datasets(WORKLIST, keys, limit=limit):
        found.extend(scheduled_steps(answer, source.character_set))
    return sorted(found, key=lambda step: (step.start_date, step.start_time))


def worklist_keys(query: WorklistQuery, character_set: str) -> Dataset:
    """Return the identifier of the C-FIND."""
    keys, step = Dataset(), Dataset()
    for keyword in _TOP_RETURNS:
        setattr(keys, keyword, "")
    for keyword in _STEP_RETURNS:
        setattr(step, keyword, "")
    keys.PatientID = query.patient_id
    keys.AccessionNumber = query.accession_number
    step.ScheduledProcedureStepStartDate = query.dates
    step.Modality = query.modality
    step.ScheduledStationAETitle = query.station
    keys.ScheduledProcedureStepSequence = [step]
    declare_character_set(keys, character_set, query.patient_id)
    return keys


def scheduled_steps(answer: Dataset, default_character_set: str = "") -> list[ScheduledStep]:
    """Return the steps of one answer, which may hold anything."""
    order = dataset_values(answer, default_character_set)
    declared = text(order, 0x00080005)
    # An item without a character set of its own has that of the data set (PS3.5 7.5.3).
    inherited = "\\".join(order.get(0x00080005, ())) if declared else default_character_set
    steps = [dataset_values(item, inherited) for item in items_of(answer, _STEPS)]
    return [_step(order, step) for step in steps]


def _step(order: Values, step: Values) -> ScheduledStep:
    study_uid = text(order, 0x0020000D)
    return ScheduledStep(
        start_date=text(step, 0x00400002),
        start_time=text(step, 0x00400003),
        modality=text(step, 0x00080060),
        station_ae_title=text(step, 0x00400001),
        station_name=text(step, 0x00400010),
        step_id=text(step, 0x00400009),
        step_description=text(step, 0x00400007),
        step_status=text(step, 0x00400020),
        procedure_id=text(order, 0x00401001),
        procedure_description=text(order, 0x00321060),
        accession_number=text(order, 0x00080050),
        patient_id=text(order, 0x00100020),
        issuer_of_patient_id=text(order, 0x00100021),
        patient_name=text(order, 0x00100010),
        patient_birth_date=text(order, 0x00100030),
        patient_sex=text(order, 0x00100040),
        referring_physician=text(order, 0x00080090),
        study_uid=study_uid if is_uid(study_uid) else "",
    )
