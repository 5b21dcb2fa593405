"""Signed delivery of events to one webhook endpoint, from the outbox, in their order."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from devstack.stripe_sandbox.errors import Json
from devstack.stripe_sandbox.store import Store

log = logging.getLogger(__name__)

# A refused event waits, without holding up the others, about as long as it has waited already. In
# live mode Stripe tries for three days: https://docs.stripe.com/webhooks#automatic-retries
FIRST_WAIT = 0.2
LAST_WAIT = 6 * 3600.0
GIVEN_UP_AFTER = 3 * 86400
# Nobody listens: one event probes, the others wait for it. So they all go as soon as somebody does.
FIRST_PROBE = 0.1
LAST_PROBE = 2.0
TIMEOUT = 10.0
POLL = 0.02


def signature(payload: str, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header. https://docs.stripe.com/webhooks#verify-manually"""
    signed = f"{timestamp}.{payload}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Unreachable(Exception):
    """Nobody listens there."""


class Delivery(threading.Thread):
    """Posts what waits in the outbox until `stop` is set; each event at least once.

    What waited when the sandbox ended, however it did, is tried at once when it starts again.
    """

    def __init__(
        self, store: Store, now: Callable[[], int], url: str, secret: str, stop: threading.Event
    ) -> None:
        super().__init__(name="delivery", daemon=True)
        self._store = store
        self._now = now
        self._url = url
        self._secret = secret
        self._stopped = stop
        self._probe = 0.0
        self._backlog = 0

    def run(self) -> None:
        self._store.rows("UPDATE outbox SET due = 0")
        while not self._stopped.is_set():
            try:
                wait = 0.0 if self.deliver_next() else POLL
            except Unreachable as failure:
                wait = self._await_listener(failure)
            self._stopped.wait(wait)

    def deliver_next(self) -> bool:
        """False when nothing is due. Raises Unreachable; then everything waits as it did."""
        sql = "SELECT seq, event, attempts FROM outbox WHERE due <= ? ORDER BY due, seq LIMIT 1"
        found = self._store.rows(sql, (time.time(),))
        if not found:
            return False
        seq, event_id, attempts = found[0]
        event = self._store.find(event_id)
        is_delivered = event is not None and self._post(event, seq)
        if event is not None and not is_delivered and not self._is_given_up(event):
            self._put_off(seq, attempts)
        else:
            self._finish(seq, event_id, is_delivered)
        return True

    def _await_listener(self, failure: Unreachable) -> float:
        """How many seconds until the next probe; said once."""
        if not self._probe:
            # That nobody listens yet is how every stack starts.
            is_usual = isinstance(failure.__cause__, ConnectionRefusedError)
            log.info(
                "webhooks wait until %s answers%s", self._url, "" if is_usual else f": {failure}"
            )
        self._probe = min(2 * self._probe or FIRST_PROBE, LAST_PROBE)
        return self._probe

    def _note_listener(self) -> None:
        if self._probe:
            count, self._backlog = self._store.rows("SELECT count(*), max(seq) FROM outbox")[0]
            log.info("%s answers; webhooks that waited are sent: %s", self._url, count)
        self._probe = 0.0

    def _is_given_up(self, event: Json) -> bool:
        is_old = self._now() - int(event["created"]) > GIVEN_UP_AFTER
        if is_old:
            log.warning("webhook %s %s is given up", event["type"], event["id"])
        return is_old

    def _put_off(self, seq: int, attempts: int) -> None:
        due = time.time() + min(FIRST_WAIT * 2 ** min(attempts, 32), LAST_WAIT)
        with self._store.transaction():
            sql = "UPDATE outbox SET attempts = attempts + 1, due = ? WHERE seq = ?"
            self._store.rows(sql, (due, seq))

    def _finish(self, seq: int, event_id: str, is_delivered: bool) -> None:
        """It waits no more. `pending_webhooks` counts those that were never delivered."""
        with self._store.transaction():
            self._store.rows("DELETE FROM outbox WHERE seq = ?", (seq,))
            event = self._store.find(event_id)
            if event is not None and is_delivered:
                self._store.save({**event, "pending_webhooks": 0})

    def _post(self, event: Json, seq: int) -> bool:
        """Whether it was taken. Raises Unreachable."""
        try:
            status = self._send(json.dumps(event, indent=2))
        except (OSError, http.client.HTTPException) as failure:
            log.warning("webhook %s %s: %r", event["type"], event["id"], failure)
            return False
        is_taken = 200 <= status < 300
        # One line stands for all that waited while nobody listened.
        level = logging.DEBUG if is_taken and seq <= self._backlog else logging.INFO
        log.log(level, "webhook %s %s -> %s", event["type"], event["id"], status)
        return is_taken

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
            self._connect(connection)
            connection.request("POST", path, payload.encode(), headers)
            response = connection.getresponse()
            response.read(65536)
        finally:
            connection.close()
        return response.status

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.connect()
        except OSError as failure:
            raise Unreachable(failure) from failure
        self._note_listener()
