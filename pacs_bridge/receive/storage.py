"""C-STORE on an accepted association (PS3.4 annex B): the data set goes straight to the archive."""

import time

from pacs_bridge import status
from pacs_bridge.archive import Archive
from pacs_bridge.dimse.command import Command
from pacs_bridge.dimse.messages import Context
from pacs_bridge.errors import ProtocolError, RefusedError
from pacs_bridge.incoming import Incoming, Origin
from pacs_bridge.records import StoreOutcome


class StorageSink:
    """Takes the data set of one C-STORE request.

    What cannot be kept is read to its end all the same, so that the association goes on.

    Parameters
    ----------
    archive
        Where the instance goes.
    context, command
        Of the request.
    source
        AE title of the sender.
    called
        Our AE title that it called.
    max_bytes
        A larger data set ends the association.
    """

    def __init__(
        self,
        archive: Archive,
        context: Context,
        command: Command,
        *,
        source: str,
        called: str,
        max_bytes: int,
    ) -> None:
        self.begun_at = time.perf_counter()
        self.size_bytes = 0
        self._archive = archive
        self._max_bytes = max_bytes
        self._refusal: StoreOutcome | None = None
        self._incoming: Incoming | None = None
        try:
            self._incoming = archive.incoming(
                Origin(
                    context.transfer_syntax,
                    command.affected_sop_class_uid,
                    command.affected_sop_instance_uid,
                    source,
                    called,
                )
            )
        except RefusedError as error:
            self._refuse(error.status, error.reason)

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes.

        Raises
        ------
        ProtocolError
            If the data set is larger than allowed.
        """
        self.size_bytes += len(fragment)
        if self.size_bytes > self._max_bytes:
            raise ProtocolError(f"a data set of more than {self._max_bytes} bytes")
        if self._incoming is None:
            return
        try:
            self._incoming.write(fragment)
        except RefusedError as error:
            self._refuse(error.status, error.reason)
        except OSError:
            self._refuse(status.OUT_OF_RESOURCES, "the archive cannot write")

    def finish(self) -> StoreOutcome:
        """Archive the instance, after its last fragment."""
        if self._refusal is not None:
            return self._refusal
        assert self._incoming is not None
        incoming, self._incoming = self._incoming, None
        return self._archive.admit(incoming)

    def discard(self) -> None:
        """Forget what came, when the association ends in the middle."""
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None

    def _refuse(self, code: int, reason: str) -> None:
        self.discard()
        self._refusal = StoreOutcome(code, reason, None, False)
