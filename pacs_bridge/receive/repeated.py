"""Answers to association requests that have come before, byte for byte.

A modality asks for the same hundred presentation contexts each time. Working out the answer
takes tens of milliseconds, in which no other association goes on; looking it up, none.
"""

import threading
from collections import OrderedDict

from pacs_bridge.receive.negotiation import Answer, Policy, answer

_KEPT = 64
_MAX_KEPT_BYTES = 64 * 1024  # of one request; the largest that DCMTK makes has 16 KiB


class Negotiator:
    """Answers requests by one policy; remembers the last `_KEPT` that it accepted.

    Parameters
    ----------
    policy
        Whom and what to accept.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._lock = threading.Lock()
        self._accepted: OrderedDict[bytes, Answer] = OrderedDict()

    def answer(self, pdu: bytes, *, is_full: bool) -> Answer:
        """Answer an A-ASSOCIATE-RQ, as `negotiation.answer` does.

        Raises
        ------
        ProtocolError
            If the request cannot be read.
        """
        if is_full or len(pdu) > _MAX_KEPT_BYTES:
            return answer(pdu, self.policy, is_full=is_full)
        # One at a time: of several equal requests at once, one is worked out.
        with self._lock:
            known = self._accepted.get(pdu)
            if known is not None:
                self._accepted.move_to_end(pdu)
                return known
            found = answer(pdu, self.policy, is_full=False)
            if found.rejected is None:
                self._accepted[pdu] = found
                if len(self._accepted) > _KEPT:
                    self._accepted.popitem(last=False)
            return found
