"""Statuses that our SCPs answer; those of storage have families in PS3.4 table B.2-1."""

SUCCESS = 0x0000
# Refused: out of resources.
OUT_OF_RESOURCES = 0xA700
# Error: data set does not match SOP class; here: the command names another class or instance.
MISMATCH = 0xA900
# Error: cannot understand; the last digits are ours.
CANNOT_UNDERSTAND = 0xC000
BAD_UID = 0xC001
PIXEL_DATA = 0xC002
# The SOP Instance UID is archived with other content; the digits recall 0111H, "duplicate SOP
# instance" (PS3.7 C.5), which is not defined for C-STORE.
DUPLICATE = 0xC111

# Of any service: the operation is not one of the SOP class (PS3.7 C.5.24).
UNRECOGNIZED_OPERATION = 0x0211
