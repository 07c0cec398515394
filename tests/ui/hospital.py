"""A small hospital for the screens: accounts, studies in every state, readings with findings."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import update

from clinical_ai import codes
from clinical_ai.accounts import add_account
from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.demo.phantom import PhantomNodule, PhantomTruth, make_chest_phantom
from clinical_ai.findings import (
    Finding,
    Measurement,
    ModelIdentity,
    Quality,
    Reading,
    RecordFact,
    RecordUse,
    Region,
    Urgency,
    pack_mask,
)
from clinical_ai.identifiers import derive_uid, derive_uuid
from clinical_ai.messages import Message
from clinical_ai.record_link import FOUND, UNCERTAIN
from clinical_ai.records.record import ImagingFact, Source
from clinical_ai.records.store import RecordStore
from clinical_ai.risk.assess import assess_risk
from clinical_ai.risk.profile import RiskProfile
from clinical_ai.risk.stored import keep_profile
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from clinical_ai.store.reads import finish_failed, finish_read, queue_read, set_step
from clinical_ai.store.tables import study_read
from pacs_bridge.assembly import content_version_of
from pacs_bridge.database import writing
from tests.support.clinical_records import healthy_measurements, problem, record, smokes
from tests.support.fhir_people import blood_pressure, condition, patient, week_at_home

PASSWORD = "correct horse battery"
HOSTILE_REFERENCE = "Observation/**x**<b>y</b>![](http://e.vil/a)"
HOSTILE_NAME = "<script>alert(1)</script>^**x**![](http://e.vil/a)$y$ :smile:"
NODULES = (
    PhantomNodule((80.0, -20.0, 20.0), 20.0, 35.0),
    PhantomNodule((-70.0, -40.0, -20.0), 12.0, -600.0),
)


UNSURE = RecordUse(
    "uncertain", Message(UNCERTAIN, {"reason": "What agrees is not enough to be sure."})
)
USED = RecordUse(
    "matched",
    FOUND,
    "p1",
    "local",
    (
        RecordFact("smoking", "former", "", date(2026, 1, 1), "local", HOSTILE_REFERENCE),
        RecordFact("pack_years", 30.0, "{pack-years}", date(2026, 1, 1), "local", "Observation/7"),
    ),
)


def profile() -> RiskProfile:
    """Return the risk of a man of 60 with a retinal photo that nobody has signed."""
    person = record(
        problems=(problem("gout"),), smoking=smokes("former"), measurements=healthy_measurements()
    )
    eye = ImagingFact("dr_grade", "2", date(2026, 1, 1), Source("readings", "Reading/r"))
    return assess_risk(person, date(2026, 11, 24), (eye,))


@dataclass(frozen=True)
class Hospital:
    """What was prepared; study UIDs by what they show."""

    settings: Settings
    studies: dict[str, str]
    versions: dict[str, str]


def open_hospital(data_dir: Path, port: int = 8501) -> Hospital:
    """Prepare `data_dir` and return what is in it."""
    settings = Settings(data_dir=data_dir, ui_port=port, language="en")
    services = open_services(settings)
    add_account(services.engine, "liwei", "李伟", "radiologist", PASSWORD)
    add_account(services.engine, "smith", "Anna Smith", "physician", PASSWORD)
    studies: dict[str, str] = {}
    versions: dict[str, str] = {}
    truth = make_chest_phantom(
        data_dir / "phantom", slices=32, rows=192, spacing_mm=(4.0, 1.9, 1.9), nodules=NODULES
    )

    def ct(name: str, patient_name: str, sex: str, born: str, description: str) -> list[Dataset]:
        datasets = [pydicom.dcmread(f) for f in truth.files]
        for ds in datasets:
            _relabel(ds, name, patient_name, sex, born, description)
        studies[name] = datasets[0].StudyInstanceUID
        return datasets

    def arrive(name: str, datasets: Sequence[Dataset], sequence: int = 1) -> None:
        for ds in datasets:
            store(services, ds)
        versions[name] = content_version_of(services.archive.instances(studies[name]))
        queue_read(services.engine, studies[name], versions[name], sequence)

    def finish(name: str, reading: Reading, category: str | None) -> None:
        with writing(services.engine) as connection:
            finish_read(connection, reading, category, [])

    def read(name: str, found: int, urgency: Urgency) -> Reading:
        datasets = [pydicom.dcmread(r.path) for r in services.archive.instances(studies[name])]
        return ct_reading(datasets, truth, versions[name], found, urgency)

    arrive("urgent", ct("urgent", "Wang^XiaoDong=王^小东", "M", "19560312", "胸部CT平扫"))
    finish("urgent", read("urgent", 2, "urgent"), "Lung-RADS 4B")
    arrive("hostile", ct("hostile", HOSTILE_NAME, "F", "19700101", "<b>Chest</b> **LDCT**"))
    finish("hostile", replace(read("hostile", 1, "soon"), record=UNSURE), "Lung-RADS 4A")
    arrive("clear", ct("clear", "Zhao^Min=赵^敏", "F", "19880909", "Chest LDCT screening"))
    finish("clear", read("clear", 0, "routine"), "Lung-RADS 1")
    arrive("running", ct("running", "Chen^Jing=陈^静", "F", "19630405", "Chest CT")[:6])
    set_step(services.engine, studies["running"], versions["running"], "read", 0.6)
    failing = ct("failed", "Sun^Li=孙^丽", "F", "19490520", "Chest CT")[:2]
    arrive("failed", failing)
    finish_failed(
        services.engine,
        studies["failed"],
        versions["failed"],
        Message("The pixels of this image cannot be decoded ({kind}).", {"kind": "RuntimeError"}),
    )
    late = ct("late", "Liu^Yang=刘^洋", "M", "19590601", "Chest CT")
    arrive("late", late[:20])
    finish("late", read("late", 1, "routine"), "Lung-RADS 3")
    versions["late v1"] = versions["late"]
    arrive("late", late[20:], sequence=2)
    with_record = replace(read("late", 2, "urgent"), record=USED)
    finish("late", with_record, "Lung-RADS 4B")
    with writing(services.engine) as connection:
        keep_profile(connection, with_record.id, profile(), origin="local")
    arriving = ct("arriving", "Zhou^Tao=周^涛", "M", "19750303", "Chest CT")[:5]
    for ds in arriving:
        store(services, ds)
    mammogram = mammography(studies)
    arrive("mammogram", mammogram)
    finish("mammogram", unread(studies["mammogram"], versions["mammogram"], mammogram), None)
    with writing(services.engine) as connection:
        connection.execute(
            update(study_read)
            .where(study_read.c.study_uid == studies["clear"])
            .values(urgency="routine")
        )
    RecordStore(services.engine).put(people(date.today()), origin="local")  # noqa: DTZ011
    services.close()
    return Hospital(settings, studies, versions)


def people(today: date) -> Iterator[dict]:
    """One with bad readings at home, one late whose name and district are hostile."""
    yield patient("home", family="Qian", address=[{"district": "Haidian"}])
    yield condition("home", 1, "I10", "2020-01-01")
    yield blood_pressure("home", 1, 136, 86, (today - timedelta(days=20)).isoformat())
    yield from week_at_home("home", 178, 104, today)
    yield patient("late", family=HOSTILE_NAME, address=[{"district": "**x**<b>y</b>"}])
    yield condition("late", 1, "I10", "2020-01-01")
    yield blood_pressure("late", 1, 166, 98, (today - timedelta(days=500)).isoformat())


def store(services: Services, ds: Dataset) -> None:
    """Put one data set into the archive as the listener would."""
    plain = Dataset()
    plain.update({e.tag: e for e in ds})
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, plain, implicit_vr=False, little_endian=True)
    outcome = services.archive.store(
        buffer.getvalue(),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid=ds.SOPInstanceUID,
        calling_ae_title="TEST",
    )
    assert outcome.status == 0, outcome


def ct_reading(
    datasets: Sequence[Dataset], truth: PhantomTruth, version: str, found: int, urgency: Urgency
) -> Reading:
    """Return a reading of a phantom with its first `found` nodules."""
    ordered = sorted(datasets, key=lambda d: float(d.ImagePositionPatient[2]))
    findings = tuple(
        _finding(str(number), ordered, nodule, version, truth.spacing_mm[0])
        for number, nodule in enumerate(truth.nodules[:found], start=1)
    )
    reading = Reading(
        id=str(derive_uuid("test-reading", version)),
        study_uid=ordered[0].StudyInstanceUID,
        content_version=version,
        series_uids=(ordered[0].SeriesInstanceUID,),
        reader="lung_nodule",
        model=ModelIdentity(
            name="lung-nodule-cascade",
            version="0.1.0",
            intended_use=Message("Detects lung nodules of 4 to 30 mm on chest CT of adults."),
            accuracy=(
                Message("Sensitivity 0.81 (95 % CI 0.72-0.88, n = 104) at 2 false per scan."),
            ),
            manifest_sha256="0" * 64,
        ),
        status="read",
        reason=None,
        cautions=(Message("Slices are 4.0 mm thick; the model was made for at most 2.5 mm."),),
        findings=findings,
        assessments=(),
        urgency="routine",
        made_at="2026-11-24T08:00:00+00:00",
    )
    assessed = assess(reading, AssessmentContext(age_years=66, smoking="former"))
    return replace(assessed, urgency=urgency)


def unread(study_uid: str, version: str, datasets: Sequence[Dataset]) -> Reading:
    """Return a "not read" reading."""
    return Reading(
        id=str(derive_uuid("test-unread", version)),
        study_uid=study_uid,
        content_version=version,
        series_uids=(datasets[0].SeriesInstanceUID,),
        reader="mammography",
        model=None,
        status="not_read",
        reason=Message("No mammography model is installed."),
        cautions=(),
        findings=(),
        assessments=(),
        urgency="routine",
        made_at="2026-11-24T08:00:00+00:00",
    )


def _finding(
    number: str,
    ordered: Sequence[Dataset],
    nodule: PhantomNodule,
    version: str,
    slice_spacing: float,
) -> Finding:
    first = ordered[0]
    spacing = np.array([slice_spacing, *map(float, first.PixelSpacing)])
    origin = np.array([float(v) for v in first.ImagePositionPatient])[::-1]
    shape = (len(ordered), first.Rows, first.Columns)
    grid = np.indices(shape).reshape(3, -1).T * spacing + origin
    distance = np.linalg.norm(grid - np.array(nodule.center_mm)[::-1], axis=1).reshape(shape)
    mask = distance <= nodule.diameter_mm / 2
    low = np.argwhere(mask).min(axis=0)
    high = np.argwhere(mask).max(axis=0) + 1
    crop = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    region = Region(
        series_uid=first.SeriesInstanceUID,
        frame_of_reference_uid=first.FrameOfReferenceUID,
        sop_instance_uids=tuple(ordered[i].SOPInstanceUID for i in range(low[0], high[0])),
        origin=(int(low[0]), int(low[1]), int(low[2])),
        shape=crop.shape,
        bits=pack_mask(crop),
        centroid_mm=nodule.center_mm,
    )
    solid = nodule.hu > -100
    return Finding(
        id=number,
        tracking_uid=derive_uid("test-finding", version, number),
        code=codes.LUNG_NODULE,
        site=codes.LEFT_LUNG if nodule.center_mm[0] > 0 else codes.RIGHT_LUNG,
        confidence=0.93 if solid else 0.61,
        measurements=(
            Measurement(codes.LONG_AXIS, nodule.diameter_mm + 0.4, codes.MILLIMETER),
            Measurement(codes.SHORT_AXIS, nodule.diameter_mm - 0.6, codes.MILLIMETER),
            Measurement(codes.MEAN_DIAMETER, nodule.diameter_mm - 0.1, codes.MILLIMETER),
            Measurement(codes.VOLUME, nodule.diameter_mm**3 * 0.5236, codes.CUBIC_MILLIMETER),
        ),
        qualities=(
            Quality(codes.NODULE_COMPOSITION, codes.SOLID if solid else codes.GROUND_GLASS),
        ),
        region=region,
        key_sop_instance_uid=region.key_sop_instance_uid,
    )


def _relabel(
    ds: Dataset, name: str, patient_name: str, sex: str, born: str, description: str
) -> None:
    ds.StudyInstanceUID = derive_uid("test-study", name)
    ds.SeriesInstanceUID = derive_uid("test-series", name)
    ds.SOPInstanceUID = derive_uid("test-instance", name, str(ds.InstanceNumber))
    ds.PatientName = patient_name
    ds.PatientID = f"P-{len(name)}{ord(name[0])}"
    ds.PatientSex = sex
    ds.PatientBirthDate = born
    ds.StudyDate = "20261120"
    ds.StudyDescription = description
    ds.AccessionNumber = f"A{ord(name[0])}{len(name)}"


def mammography(studies: dict[str, str]) -> list[Dataset]:
    """Return four synthetic views, the left ones stored the wrong way round."""
    studies["mammogram"] = derive_uid("test-study", "mammogram")
    views = []
    for number, (side, view) in enumerate(
        [("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")], start=1
    ):
        rows, columns = 512, 384
        y, x = np.mgrid[:rows, :columns]
        breast = ((x / (columns * 0.8)) ** 2 + ((y - rows / 2) / (rows * 0.42)) ** 2) < 1
        pixels = np.where(breast, 900 + 300 * np.sin(x / 17) * np.cos(y / 23), 40)
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
        ds.StudyInstanceUID = studies["mammogram"]
        ds.SeriesInstanceUID = derive_uid("test-series", "mammogram", str(number))
        ds.SOPInstanceUID = derive_uid("test-instance", "mammogram", str(number))
        ds.Modality = "MG"
        ds.PatientName = "He^Fang=何^芳"
        ds.PatientID = "P-MG"
        ds.PatientBirthDate = "19720229"
        ds.PatientSex = "F"
        ds.StudyDate = "20261121"
        ds.StudyDescription = "Mammography, 4 views"
        ds.SeriesNumber = number
        ds.InstanceNumber = 1
        ds.ImageLaterality = side
        ds.ViewPosition = view
        ds.PatientOrientation = ["A", "F"]  # chest wall at the left edge of every view
        ds.Rows, ds.Columns = rows, columns
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.BitsAllocated = 16
        ds.BitsStored = 12
        ds.HighBit = 11
        ds.PixelRepresentation = 0
        ds.ImagerPixelSpacing = [0.4, 0.4]
        ds.PixelData = pixels.clip(0, 4095).astype("<u2").tobytes()
        views.append(ds)
    return views
