"""The storage SCP: associations are negotiated, instances handed to the archive."""

from collections.abc import Callable

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification
from pynetdicom.transport import ThreadedAssociationServer

from pacs_bridge import status
from pacs_bridge.archive import Archive
from pacs_bridge.errors import BridgeError
from pacs_bridge.network import application_entity

_log = structlog.get_logger(__name__)

_ERROR_COMMENT_CHARACTERS = 64  # VR LO


class Listener:
    """A DICOM storage and verification SCP on one port.

    Parameters
    ----------
    archive
        Where instances go; its `rebuild` should have run.
    ae_title
        Our AE title; associations that call another one are rejected.
    host, port
        Where to listen; port 0 takes a free one, see `port`.
    allowed_calling
        AE titles that may associate; empty means any.
    max_associations
        More are rejected as "local limit exceeded".
    on_stored
        Called with the Study Instance UID after each newly archived instance.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        ae_title: str,
        host: str,
        port: int,
        allowed_calling: tuple[str, ...] = (),
        max_associations: int = 256,
        on_stored: Callable[[str], None] | None = None,
    ) -> None:
        self._archive = archive
        self._address = (host, port)
        self._on_stored = on_stored
        self._server: ThreadedAssociationServer | None = None
        self._entity = application_entity(ae_title)
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = list(allowed_calling)
        self._entity.maximum_associations = max_associations
        self._entity.add_supported_context(Verification)

    @property
    def port(self) -> int:
        """The port listened on."""
        if self._server is None:
            raise BridgeError("the listener has no port before start()")
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen, in threads of its own.

        Raises
        ------
        BridgeError
            If the port cannot be opened.
        """
        try:
            self._server = self._entity.start_server(
                self._address, block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
            )
        except OSError as error:
            host, port = self._address
            raise BridgeError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another port"
            ) from error
        _log.info("listener.started", port=self.port)

    def stop(self) -> None:
        """Stop listening and abort open associations."""
        if self._server is not None:
            self._server.shutdown()
            for association in self._entity.active_associations:
                association.abort()
            self._server = None

    def _store(self, event: Event) -> Dataset:
        request = event.request
        outcome = self._archive.store(
            request.DataSet.getvalue(),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            sop_class_uid=str(request.AffectedSOPClassUID),
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            calling_ae_title=event.assoc.requestor.ae_title,
        )
        if outcome.is_new and outcome.study_instance_uid and self._on_stored:
            self._on_stored(outcome.study_instance_uid)
        response = Dataset()
        response.Status = outcome.status
        if outcome.status != status.SUCCESS:
            response.ErrorComment = outcome.reason[:_ERROR_COMMENT_CHARACTERS]
        return response
