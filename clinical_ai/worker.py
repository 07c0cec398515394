"""The worker process: takes queued studies, runs their workflows, sends results."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID

from clinical_ai.errors import WorkerRunningError
from clinical_ai.metrics import worker_registry
from clinical_ai.peers import hl7_peers
from clinical_ai.readers.base import Reader
from clinical_ai.records.fhir.outbox import FhirOutbox
from clinical_ai.services import Services
from clinical_ai.store.reads import QueuedRead, mark_dispatched, undispatched
from clinical_ai.workflow import QUEUE, WORKFLOW_VERSION, ReadStudy
from pacs_bridge.exposition import serving_metrics
from pacs_bridge.hl7.outbox import Hl7Outbox
from pacs_bridge.outbox import Outbox
from pacs_bridge.polling import Poller

DISPATCH_INTERVAL_S = 0.5

_log = structlog.get_logger(__name__)


@contextmanager
def running_worker(services: Services, readers: Sequence[Reader]) -> Iterator[None]:
    """Run workflows and the outbox until the block ends; resumes what a crash left open.

    Raises
    ------
    WorkerRunningError
        When a worker of the same name runs on this data folder: both would resume the
        same unfinished studies.
    pacs_bridge.errors.MetricsError
        When the port for metrics is taken.
    """
    port = services.settings.worker_metrics_port
    with _only_one(services), serving_metrics(worker_registry(services), port):
        yield from _run(services, readers)


def _run(services: Services, readers: Sequence[Reader]) -> Iterator[None]:
    config: DBOSConfig = {
        "name": "clinical-ai",
        "system_database_url": services.settings.workflow_url,
        "application_version": WORKFLOW_VERSION,
        "executor_id": services.settings.worker_name,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    workflow = ReadStudy(services, readers)
    DBOS.launch()
    DBOS.register_queue(
        QUEUE,
        worker_concurrency=services.settings.worker_concurrency,
        polling_interval_sec=DISPATCH_INTERVAL_S,
    )
    outbox = Outbox(
        services.engine,
        services.destinations,
        calling_ae_title=services.settings.dicom.ae_title,
        name=services.settings.worker_name,
    )
    hl7_outbox = Hl7Outbox(
        services.engine, hl7_peers(services.settings), name=services.settings.worker_name
    )
    fhir_outbox = FhirOutbox(
        services.engine, services.settings.fhir_servers, name=services.settings.worker_name
    )
    dispatcher = Dispatcher(services, workflow)
    outbox.start()
    hl7_outbox.start()
    fhir_outbox.start()
    dispatcher.start()
    _log.info(
        "worker.started",
        name=services.settings.worker_name,
        concurrency=services.settings.worker_concurrency,
    )
    try:
        yield
    finally:
        dispatcher.stop()
        fhir_outbox.stop()
        hl7_outbox.stop()
        outbox.stop()
        DBOS.destroy()


@contextmanager
def _only_one(services: Services) -> Iterator[None]:
    name = services.settings.worker_name
    with (services.settings.data_dir / f"worker-{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkerRunningError(
                f"a worker named {name!r} is running on {services.settings.data_dir}; stop it, "
                "or give this one another name with CLINICAL_AI_WORKER_NAME"
            ) from error
        yield


class Dispatcher:
    """Hands queued reads to DBOS, which holds them durably from then on.

    The queue table is the truth: a read is marked dispatched only after DBOS has it, and
    the workflow id makes a second hand-over a no-op. DBOS starts the smallest priority first.
    """

    def __init__(self, services: Services, workflow: ReadStudy) -> None:
        self._services = services
        self._workflow = workflow
        self._poller = Poller(
            "dispatcher", lambda _now: self.dispatch(), interval_seconds=DISPATCH_INTERVAL_S
        )

    def start(self) -> None:
        """Begin to look for queued reads."""
        self._poller.start()

    def stop(self) -> None:
        """Stop looking; returns when the thread has ended."""
        self._poller.stop()

    def dispatch(self) -> int:
        """Hand over all reads that wait; returns how many."""
        waiting = undispatched(self._services.engine)
        for read in waiting:
            with SetWorkflowID(workflow_id(read)), SetEnqueueOptions(priority=read.priority):
                DBOS.enqueue_workflow(
                    QUEUE, self._workflow.read_study, read.study_uid, read.content_version
                )
            mark_dispatched(self._services.engine, read)
            _log.info("study.queued", study=read.study_uid, version=read.content_version)
        return len(waiting)


def workflow_id(read: QueuedRead) -> str:
    """One workflow for each attempt at each version of a study."""
    return f"{read.study_uid}:{read.content_version}:{read.attempt}"
