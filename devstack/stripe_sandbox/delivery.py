"""Signed delivery of events to one webhook endpoint, from the outbox, in their order."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import threading
import time
from urllib.parse import urlsplit

from devstack.stripe_sandbox.errors import Json
from devstack.stripe_sandbox.store import Store

log = logging.getLogger(__name__)

# Seconds before each next attempt. A failed event waits without holding up the others.
BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
TIMEOUT = 10.0
POLL = 0.02


def signature(payload: str, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header. https://docs.stripe.com/webhooks#verify-manually"""
    signed = f"{timestamp}.{payload}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Delivery(threading.Thread):
    """Posts what waits in the outbox until `stop` is set; each event at least once."""

    def __init__(self, store: Store, url: str, secret: str, stop: threading.Event) -> None:
        super().__init__(name="delivery", daemon=True)
        self._store = store
        self._url = url
        self._secret = secret
        self._stopped = stop

    def run(self) -> None:
        while not self._stopped.is_set():
            if not self.deliver_next():
                self._stopped.wait(POLL)

    def deliver_next(self) -> bool:
        """False when nothing is due. An event refused too often is given up, and logged."""
        sql = "SELECT seq, event, attempts FROM outbox WHERE due <= ? ORDER BY due, seq LIMIT 1"
        found = self._store.rows(sql, (time.time(),))
        if not found:
            return False
        seq, event_id, attempts = found[0]
        event = self._store.find(event_id)
        if event is not None and not self._post(event) and attempts < len(BACKOFF):
            self._put_off(seq, attempts)
        else:
            self._finish(seq, event_id)
        return True

    def _put_off(self, seq: int, attempts: int) -> None:
        due = time.time() + BACKOFF[attempts]
        with self._store.transaction():
            sql = "UPDATE outbox SET attempts = attempts + 1, due = ? WHERE seq = ?"
            self._store.rows(sql, (due, seq))

    def _finish(self, seq: int, event_id: str) -> None:
        with self._store.transaction():
            self._store.rows("DELETE FROM outbox WHERE seq = ?", (seq,))
            event = self._store.find(event_id)
            if event is not None:
                self._store.save({**event, "pending_webhooks": 0})

    def _post(self, event: Json) -> bool:
        try:
            status = self._send(json.dumps(event, indent=2))
        except (OSError, http.client.HTTPException) as failure:
            log.warning("webhook %s %s: %r", event["type"], event["id"], failure)
            return False
        log.info("webhook %s %s -> %s", event["type"], event["id"], status)
        return 200 <= status < 300

    def _send(self, payload: str) -> int:
        url = urlsplit(self._url)
        https = url.scheme == "https"
        kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = kind(url.hostname or "", url.port, timeout=TIMEOUT)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://docs.stripe.com/webhooks)",
            "Stripe-Signature": signature(payload, self._secret, int(time.time())),
        }
        path = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        try:
            connection.request("POST", path, payload.encode(), headers)
            response = connection.getresponse()
            response.read(65536)
        finally:
            connection.close()
        return response.status
