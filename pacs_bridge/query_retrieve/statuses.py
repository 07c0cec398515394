"""Statuses of C-FIND, C-MOVE and C-GET responses (PS3.4 tables C.4-1, C.4-2 and C.4-3)."""

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700  # C-FIND
CANNOT_COUNT_MATCHES = 0xA701  # C-MOVE and C-GET: out of resources
CANNOT_SEND = 0xA702  # out of resources: no sub-operation succeeded
UNKNOWN_DESTINATION = 0xA801
BAD_IDENTIFIER = 0xA900  # the data set does not match the SOP class
SOME_FAILED = 0xB000  # warning: one or more failures or warnings
CANCELLED = 0xFE00
PENDING = 0xFF00
PENDING_UNSUPPORTED_KEYS = 0xFF01
