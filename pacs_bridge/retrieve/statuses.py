"""What the failure statuses of C-FIND, C-MOVE and C-GET mean, and what to do about them."""

SUCCESS = 0x0000
CANCELLED = 0xFE00
SOME_FAILED = 0xB000

# PS3.4 tables C.4-1 to C.4-3; PS3.7 annex C for the general ones.
_MEANINGS = {
    0x0110: "processing failure",
    0x0117: "invalid UID",
    0x0122: "the SOP class is not supported",
    0x0124: "not authorized; allow our AE title there",
    0x0211: "the operation is not recognised",
    0xA700: "out of resources",
    0xA701: "out of resources: it cannot calculate the number of matches",
    0xA702: "out of resources: it cannot perform the sub-operations",
    0xA801: "it does not know our AE title as a move destination; add our AE title, host and port "
    "to its list of nodes, or fetch by C-GET",
    0xA900: "the identifier does not match the SOP class",
    0xAA00: "none of the frames asked for were found",
    0xAA01: "it cannot make a new object for this SOP class",
    0xAA02: "it cannot extract frames",
    0xAA03: "the request is time-based",
    0xAA04: "invalid request",
    SOME_FAILED: "some sub-operations failed",
    CANCELLED: "cancelled",
}


def describe(status: int) -> str:
    """Return the status with its meaning."""
    meaning = _MEANINGS.get(status) or ("unable to process" if status >> 12 == 0xC else "")
    return f"status 0x{status:04X}" + (f", {meaning}" if meaning else "")
