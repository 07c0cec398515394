"""Settings of HL7 v2: the table ``[hl7]`` of the settings file."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# What MSH-18 may name, HL7 table 0211
CharacterSet = Literal["UNICODE UTF-8", "GB 18030-2000", "8859/1", "ASCII"]
ResultStatus = Literal["preliminary", "final"]
AccessionField = Annotated[str, Field(pattern=r"^(ORC|OBR|IPC)-[1-9][0-9]?$")]
Name = Annotated[str, Field(max_length=180)]  # HD, HL7 2.3.1


class Hl7PeerSettings(BaseModel):
    """A RIS or interface engine that takes results.

    Parameters
    ----------
    application, facility
        MSH-5 and MSH-6.
    version
        Of the messages it takes.
    results
        Which results it is sent.
    acknowledgement
        ``original``: it answers AA, AE or AR. ``enhanced``: MSH-15 asks for CA, CE or CR.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    tls: bool = False
    application: Name = ""
    facility: Name = ""
    version: Literal["2.3.1", "2.4", "2.5.1"] = "2.5.1"
    character_set: CharacterSet = "UNICODE UTF-8"
    results: tuple[ResultStatus, ...] = ("preliminary", "final")
    acknowledgement: Literal["original", "enhanced"] = "original"
    connect_seconds: float = Field(default=10.0, gt=0, le=120)
    acknowledge_seconds: float = Field(default=30.0, gt=0, le=600)


class Hl7ReceiveSettings(BaseModel):
    """The listener for orders; off while `port` is not set.

    Parameters
    ----------
    allowed_hosts
        Addresses or networks that may connect; empty means any, which production mode refuses.
    allowed_senders
        ``APPLICATION`` or ``APPLICATION|FACILITY``; empty means any, which production mode
        refuses.
    character_set
        Of messages whose MSH-18 is empty.
    ignored
        Message codes, such as ``ADT``, that are acknowledged and not applied.
    processing_ids
        MSH-11 that are taken; a test system may add ``T`` and ``D``.
    accession_fields
        Where orders hold the accession number; the first that is not empty counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=1, le=65535)
    tls: bool = False
    allowed_hosts: tuple[str, ...] = ()
    allowed_senders: tuple[str, ...] = ()
    character_set: CharacterSet = "UNICODE UTF-8"
    ignored: tuple[str, ...] = ()
    processing_ids: tuple[Literal["P", "T", "D"], ...] = ("P",)
    accession_fields: tuple[AccessionField, ...] = Field(
        default=("IPC-1", "OBR-18", "OBR-3", "ORC-3"), min_length=1
    )
    max_message_kb: int = Field(default=1024, ge=16, le=65_536)
    message_seconds: float = Field(default=30.0, gt=0, le=600)
    idle_seconds: float = Field(default=3600.0, gt=0)
    connections: int = Field(default=32, ge=1, le=1000)


class Hl7Settings(BaseModel):
    """HL7 v2 as a whole; without peers and without a port to listen on it is off.

    Parameters
    ----------
    application, facility
        Who we are: MSH-3 and MSH-4. Without a facility the institution is named.
    processing_id
        MSH-11 of our messages: ``P`` production, ``T`` training, ``D`` debugging.
    assigning_authority
        Of the patient IDs of this site (PID-3, CX.4), where the images do not name one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    application: Name = "CLINICALAI"
    facility: Name = ""
    processing_id: Literal["P", "T", "D"] = "P"
    assigning_authority: str = ""
    peers: dict[str, Hl7PeerSettings] = Field(default_factory=dict)
    receive: Hl7ReceiveSettings = Hl7ReceiveSettings()
