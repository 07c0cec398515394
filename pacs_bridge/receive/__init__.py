"""The listener: associations are negotiated, instances handed to the archive."""

from pacs_bridge.receive.limits import Limits
from pacs_bridge.receive.listener import Listener

__all__ = ["Limits", "Listener"]
