"""DIMSE messages (PS3.7) over the upper layer (PS3.8), on a socket and in one thread."""
