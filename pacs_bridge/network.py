"""How we use pynetdicom: quiet, unrestricted in storage classes, data sets sent as they are."""

import logging

from pynetdicom import AE, _config

from pacs_bridge import IMPLEMENTATION_CLASS_UID, implementation_version_name

MAX_PDU_BYTES = 131_072


def application_entity(ae_title: str) -> AE:
    """Return an AE that names our implementation.

    pynetdicom keeps the options set here for the whole process: its own logging, which shows
    patient data, is off; every storage SOP class is accepted; a file is sent from disk in the
    encoding it has.
    """
    silence_pynetdicom()
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.STORE_SEND_CHUNKED_DATASET = True
    entity = AE(ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = implementation_version_name()
    entity.maximum_pdu_size = MAX_PDU_BYTES
    return entity


def silence_pynetdicom() -> None:
    """Turn off pynetdicom's own logging, which shows patient data, for the whole process."""
    _config.LOG_HANDLER_LEVEL = "none"
    # These would also decode every answer before we see its bytes.
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
