"""Whether a message is what the standard says of its type and version.

The structures of every version come with the library hl7apy, which checks segments, groups,
cardinality and data types. It is for the messages we make: what others send is read leniently.
"""

from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message


def problem(text: str) -> str:
    """Return the first thing in which a message does not conform; empty when it does.

    Parameters
    ----------
    text
        The encoded message; its version is that of MSH-12.
    """
    try:
        parse_message(text, find_groups=True).validate()
    except HL7apyException as error:
        return str(error) or type(error).__name__
    except Exception as error:  # noqa: BLE001 - the library breaks on some bad messages
        return f"it cannot be checked ({type(error).__name__})"
    return ""
