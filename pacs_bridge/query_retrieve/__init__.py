"""Query/Retrieve SCP: C-FIND, C-MOVE and C-GET on the archive (PS3.4 annex C)."""

from pacs_bridge.query_retrieve.service import query_retrieve_service

__all__ = ["query_retrieve_service"]
