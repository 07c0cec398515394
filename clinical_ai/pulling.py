"""``clinical-ai bridge pull``: fetch studies that an operator names, with progress."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clinical_ai.errors import PullError
from clinical_ai.peers import own_peer
from clinical_ai.services import Services
from clinical_ai.sources import dimse_source
from pacs_bridge.database import writing
from pacs_bridge.errors import AssociationRejectedError, BridgeError
from pacs_bridge.peer import Peer
from pacs_bridge.retrieve.attempts import claim
from pacs_bridge.retrieve.fetch import LEASE_SECONDS, FetchPolicy, fetch_retrieval
from pacs_bridge.retrieve.keep import keep_in
from pacs_bridge.retrieve.retrievals import Purpose, Retrieval, Wanted, find_retrieval, want
from pacs_bridge.retrieve.source import OnProgress, StudySource
from pacs_bridge.send import echo


@dataclass(frozen=True, slots=True)
class Pulled:
    """What became of one study; `reason` is None if everything arrived."""

    study_uid: str
    state: str
    instances: int
    reason: str | None


def source_to_pull(services: Services, peer: Peer, method: str | None) -> StudySource:
    """Return a DICOM node as a source, by the method asked for.

    Raises
    ------
    PullError
        If a C-MOVE would have nowhere to go, because our listener does not answer.
    """
    if method is not None:
        peer = replace(peer, retrieve="get" if method == "get" else "move")
    if peer.retrieve == "move":
        _check_listener(services)
    return dimse_source(services.settings, peer, keep_in(services.archive))


def pull(
    services: Services, source: StudySource, wanted: Wanted, *, on_progress: OnProgress
) -> Pulled:
    """Fetch one study in this process; an interrupt (Ctrl-C) ends it and is raised again.

    Parameters
    ----------
    wanted
        `wanted.peer` is the name of `source`.

    Raises
    ------
    pacs_bridge.errors.RetrievalError
        If it is being fetched already.
    """
    holder = f"pull-{os.getpid()}"
    with writing(services.engine) as connection:
        number = want(connection, wanted, due=False)
    retrieval = claim(
        services.engine, number, holder=holder, now=time.time(), seconds=LEASE_SECONDS
    )
    cancel = threading.Event()
    outcome: list[str | None] = []

    def fetch() -> None:
        outcome.append(
            fetch_retrieval(
                services.archive,
                source,
                retrieval,
                holder=holder,
                policy=FetchPolicy(
                    services.settings.priors.megabytes_per_second, max_attempts=1, resume=False
                ),
                on_progress=on_progress,
                cancel=cancel,
            )
        )

    # In a thread, so that an interrupt can end it in good order.
    thread = threading.Thread(target=fetch, name="pull")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        cancel.set()
        thread.join()
        raise
    done = _read(services, number)
    failed = "the fetch ended with an error; the log has the details"
    return Pulled(
        wanted.study_uid, done.state, done.instances_done, outcome[0] if outcome else failed
    )


def purpose_of(*, keep_only: bool) -> Purpose:
    """Return what a pulled study is for."""
    return "keep" if keep_only else "read"


def wanted_studies(
    peer: str,
    study_uids: Sequence[str],
    series_uids: Sequence[str],
    *,
    keep_only: bool,
    megabytes_per_second: float | None,
) -> list[Wanted]:
    """Return what to fetch.

    Raises
    ------
    PullError
        If series are named for more than one study.
    """
    if series_uids and len(study_uids) > 1:
        raise PullError("--series names series of one study; give one study UID with it")
    return [
        Wanted(
            study_uid=uid,
            peer=peer,
            purpose=purpose_of(keep_only=keep_only),
            series_uids=tuple(series_uids),
            megabytes_per_second=megabytes_per_second,
        )
        for uid in study_uids
    ]


def _read(services: Services, number: int) -> Retrieval:
    with services.engine.connect() as connection:
        return find_retrieval(connection, number)


def _check_listener(services: Services) -> None:
    own = own_peer(services.settings)
    try:
        echo(own, services.settings.dicom.ae_title)
    except AssociationRejectedError:
        return  # it runs; production mode need not allow our own AE title to send to ourselves
    except BridgeError as error:
        raise PullError(
            f"a C-MOVE sends the images to our listener, which does not answer ({error}); start "
            "it with `clinical-ai listen`, or use --method get"
        ) from error
