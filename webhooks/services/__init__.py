"""Doors: endpoints and the sending of what is due."""

from webhooks.services.endpoints import (
    MAX_ENDPOINTS,
    EndpointInactive,
    TooManyEndpoints,
    create_endpoint,
    delete_endpoint,
    prune,
    replay_delivery,
    replay_window,
    rotate_secret,
    send_test,
    sync_operator_endpoints,
    update_endpoint,
)
from webhooks.services.sending import deliver_due

__all__ = [
    "MAX_ENDPOINTS",
    "EndpointInactive",
    "TooManyEndpoints",
    "create_endpoint",
    "delete_endpoint",
    "deliver_due",
    "prune",
    "replay_delivery",
    "replay_window",
    "rotate_secret",
    "send_test",
    "sync_operator_endpoints",
    "update_endpoint",
]
