"""Deliveries to peers: queued with the result, sent until they arrive or are given up."""

from pacs_bridge.outbox.deliveries import (
    DeadDelivery,
    PeerQueue,
    Purpose,
    dead_deliveries,
    drop,
    enqueue_delivery,
    peer_queues,
    resend,
    resend_dead,
)
from pacs_bridge.outbox.sender import Outbox
from pacs_bridge.retry import RetryPolicy

__all__ = [
    "DeadDelivery",
    "Outbox",
    "PeerQueue",
    "Purpose",
    "RetryPolicy",
    "dead_deliveries",
    "drop",
    "enqueue_delivery",
    "peer_queues",
    "resend",
    "resend_dead",
]
