"""What MSH says of a message: who sent it, what it is, how it wants to be answered."""

from dataclasses import dataclass

from pacs_bridge.errors import MessageError
from pacs_bridge.hl7.er7 import Message

_MAX_CONTROL_ID = 199  # ST(199) since 2.7; 20 before


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of MSH that we use, decoded.

    Parameters
    ----------
    sending_application, sending_facility, receiving_application, receiving_facility
        Namespace ids (HD.1) of MSH-3 to MSH-6.
    sent_at
        MSH-7 as sent.
    code, event
        MSH-9: for example ``ORM`` and ``O01``.
    control_id
        MSH-10.
    processing_id, version
        MSH-11.1, MSH-12.1.
    accept_acknowledgement, application_acknowledgement
        MSH-15 and MSH-16: ``AL``, ``NE``, ``ER``, ``SU``; both empty in original mode.
    """

    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    sent_at: str
    code: str
    event: str
    control_id: str
    processing_id: str
    version: str
    accept_acknowledgement: str
    application_acknowledgement: str

    @property
    def enhanced(self) -> bool:
        """Whether the sender asks for the enhanced acknowledgement mode (2.9.3)."""
        return bool(self.accept_acknowledgement or self.application_acknowledgement)


def read_header(message: Message) -> Header:
    """Return the header of `message`.

    Raises
    ------
    MessageError
        When a field that every message needs (2.15.9) is empty.
    """
    msh = message.header
    header = Header(
        sending_application=msh.value(3),
        sending_facility=msh.value(4),
        receiving_application=msh.value(5),
        receiving_facility=msh.value(6),
        sent_at=msh.value(7),
        code=msh.value(9, 1),
        event=msh.value(9, 2),
        control_id=msh.value(10),
        processing_id=msh.value(11),
        version=msh.value(12),
        accept_acknowledgement=msh.value(15),
        application_acknowledgement=msh.value(16),
    )
    needed = {"MSH-9": header.code, "MSH-10": header.control_id, "MSH-12": header.version}
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise MessageError(f"{', '.join(missing)} is empty")
    if len(header.control_id) > _MAX_CONTROL_ID:
        raise MessageError(f"MSH-10 is longer than {_MAX_CONTROL_ID} characters")
    return header
