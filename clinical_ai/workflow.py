"""The life of a study as one durable workflow, from its images to the results delivered.

DBOS checkpoints each step. After a crash the workflow goes on at the first step that has
no checkpoint; every step may run twice without harm, because identifiers, file names and
rows are derived from the study content and the model version.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ParamSpec, TypeVar

import structlog
from dbos import DBOS, DBOSConfiguredInstance
from pydantic import TypeAdapter

from clinical_ai.assessment.assess import assess
from clinical_ai.fhir_results import enqueue_fhir, preliminary_fhir
from clinical_ai.findings import Reading, reading_from_json, to_json
from clinical_ai.hl7_results import enqueue_results, preliminary_messages
from clinical_ai.messages import N_, Message
from clinical_ai.priors import Priors, gather_priors
from clinical_ai.readers.base import Reader, StudyInput, not_read
from clinical_ai.readers.choose import choose_reader
from clinical_ai.reading_record import KnownPatient, keep_risk, known_patient
from clinical_ai.reports import identity
from clinical_ai.reports.write import ResultFile, write_results
from clinical_ai.services import Services
from clinical_ai.store.reads import finish_failed, finish_read, is_superseded, set_step
from clinical_ai.store.routing import find_actions, find_result_peers
from clinical_ai.study_input import study_input
from pacs_bridge.database import writing
from pacs_bridge.outbox import enqueue_delivery

QUEUE = "read-study"
STEPS = ("load", "priors", "record", "read", "assess", "risk", "report", "deliver")
# Workflows begun by one release are resumed by the next only while this stays the same:
# change it when the order or the results of the steps change.
WORKFLOW_VERSION = "read-study-3"
_PROGRESS_INTERVAL_S = 1.0

_log = structlog.get_logger(__name__)
_study_inputs = TypeAdapter(StudyInput)
_patients = TypeAdapter(KnownPatient)
_priors = TypeAdapter(Priors)
_result_files = TypeAdapter(tuple[ResultFile, ...])

_P = ParamSpec("_P")
_R = TypeVar("_R")


@DBOS.dbos_class("ReadStudy")
class ReadStudy(DBOSConfiguredInstance):
    """Runs the workflow of one study version on open services and readers.

    Steps give and take JSON text, which is what DBOS keeps as their checkpoint.

    Parameters
    ----------
    readers
        In the order in which they are asked whether they accept a study.
    """

    def __init__(self, services: Services, readers: Sequence[Reader]) -> None:
        self._services = services
        self._readers = tuple(readers)
        super().__init__("default")

    @DBOS.workflow(name="read_study")
    def read_study(self, study_uid: str, content_version: str) -> str:
        """Read one study version; returns the state it ends in."""
        key = (study_uid, content_version)
        try:
            study = self._step("load", key, self.load, *key)
            if study is None:
                return "superseded"
            priors = self._step("priors", key, self.priors, *key)
            patient = self._step("record", key, self.record, study, priors)
            reading = self._step("read", key, self.read, study)
            reading = self._step("assess", key, self.assess, reading, patient, priors)
            self._step("risk", key, self.risk, reading)
            files = self._step("report", key, self.report, study, reading)
            return self._step("deliver", key, self.deliver, reading, files)
        except Exception as error:
            # Whatever went wrong, the worklist says so; DBOS keeps the error itself.
            self._fail(key, error)
            raise

    def load(self, study_uid: str, content_version: str) -> str | None:
        """Fix what is read: the files of this version; None when it is superseded."""
        study = study_input(self._services.archive, study_uid, content_version)
        return None if study is None else _study_inputs.dump_json(study).decode()

    def priors(self, study_uid: str, content_version: str) -> str:
        """Earlier studies of the patient: at hand, or fetched within the time allowed."""
        return _priors.dump_json(gather_priors(self._services, study_uid, content_version)).decode()

    def record(self, study: str, priors: str) -> str:
        """What is known of the patient: by the DICOM headers, and by the record if it is found."""
        current = _study_inputs.validate_json(study)
        patient = known_patient(
            self._services, current, _priors.validate_json(priors).same_modality
        )
        return _patients.dump_json(patient).decode()

    def read(self, study: str) -> str:
        """Run the reader that routing names or that accepts the study; else "not read"."""
        current = _study_inputs.validate_json(study)
        with self._services.engine.connect() as connection:
            actions = find_actions(connection, current.study_uid, current.content_version)
        reader = choose_reader(self._readers, current, actions.read)
        if isinstance(reader, Message):
            return to_json(not_read(current, "none", reader))
        return to_json(reader.read(current, self._progress(current)))

    def assess(self, reading: str, patient: str, priors: str) -> str:
        """Apply the guideline rules; say what of the record was used, and what is missing."""
        known = _patients.validate_json(patient)
        assessed = assess(reading_from_json(reading), known.context)
        missing = _priors.validate_json(priors).cautions()
        cautions = (*assessed.cautions, *missing, *known.cautions)
        return to_json(replace(assessed, cautions=cautions, record=known.use))

    def risk(self, reading: str) -> bool:
        """Store the risk of the person whose record was used; whether there was one."""
        return keep_risk(self._services, reading_from_json(reading))

    def report(self, study: str, reading: str) -> str:
        """Write the objects that the site wants of a reading that has something to say."""
        current = _study_inputs.validate_json(study)
        files = write_results(
            reading_from_json(reading),
            [file for series in current.series for file in series.files],
            self._services.settings.results_dir,
            institution=self._services.settings.institution,
            objects=self._services.settings.results,
            language=self._services.settings.language,
        )
        return _result_files.dump_json(files).decode()

    def deliver(self, reading: str, files: str) -> str:
        """Show the reading on the worklist and queue its objects, in one transaction."""
        done = reading_from_json(reading)
        objects = _result_files.validate_json(files)
        if is_superseded(self._services.engine, done.study_uid, done.content_version):
            return "superseded"
        reports = [f.sop_instance_uid for f in objects if f.kind == identity.SR_PRELIMINARY]
        to_ris = preliminary_messages(self._services, done, reports[0] if reports else "")
        as_fhir = preliminary_fhir(self._services, done, reports[0] if reports else "")
        with writing(self._services.engine) as connection:
            enqueue_results(connection, to_ris)
            enqueue_fhir(connection, self._services, as_fhir)
            finish_read(
                connection,
                done,
                _category(done),
                [(f.sop_instance_uid, f.kind, str(f.path)) for f in objects],
            )
            peers = find_result_peers(
                connection,
                done.study_uid,
                done.content_version,
                self._services.settings.result_peers,
            )
            for file in objects:
                for peer_name in peers:
                    enqueue_delivery(
                        connection,
                        sop_instance_uid=file.sop_instance_uid,
                        path=file.path,
                        peer_name=peer_name,
                    )
        _log.info("study.read", study=done.study_uid, status=done.status)
        return "ready" if done.status == "read" else "not_read"

    def _step(
        self,
        name: str,
        key: tuple[str, str],
        step: Callable[_P, _R],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _R:
        def announced() -> _R:
            set_step(self._services.engine, *key, name)
            try:
                return step(*args, **kwargs)
            except Exception:
                _log.exception("study.step_failed", study=key[0], step=name)
                raise

        return DBOS.run_step({"name": name}, announced)

    def _progress(self, study: StudyInput) -> Callable[[float], None]:
        shown_at = time.monotonic()

        def show(share: float) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= _PROGRESS_INTERVAL_S:
                shown_at = time.monotonic()
                set_step(
                    self._services.engine, study.study_uid, study.content_version, "read", share
                )

        return show

    def _fail(self, key: tuple[str, str], error: Exception) -> None:
        reason = Message(
            N_("Reading failed ({error}); the log of the worker has the details."),
            {"error": type(error).__name__},
        )
        finish_failed(self._services.engine, *key, reason)


def _category(reading: Reading) -> str | None:
    """The category of the whole study that the worklist shows."""
    whole = next((a for a in reading.assessments if a.finding_id is None), None)
    return None if whole is None else f"{whole.scheme} {whole.category}"
