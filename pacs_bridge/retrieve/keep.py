"""Hand what a peer gives to our own archive."""

from pacs_bridge.archive import Archive
from pacs_bridge.records import StoreOutcome
from pacs_bridge.retrieve.source import Arrival, Keep


def keep_in(archive: Archive) -> Keep:
    """Return a function that archives instances as the listener would."""

    def keep(arrival: Arrival) -> StoreOutcome:
        return archive.store(
            arrival.dataset,
            transfer_syntax_uid=arrival.transfer_syntax_uid,
            sop_class_uid=arrival.sop_class_uid,
            sop_instance_uid=arrival.sop_instance_uid,
            calling_ae_title=arrival.source,
        )

    return keep
