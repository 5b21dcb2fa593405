"""`/_sandbox`: what a test asks of the sandbox itself, in JSON and without a key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from devstack.stripe_sandbox import confirm, disputes, methods, setups
from devstack.stripe_sandbox.api import Answer, Api, answer_of
from devstack.stripe_sandbox.call import public
from devstack.stripe_sandbox.errors import ApiError, Json, invalid, unrecognized_url
from devstack.stripe_sandbox.faults import Faults

Action = Callable[[Json, str], Json]


class Control:
    """Each action takes the JSON body and the id in the path, and answers JSON."""

    def __init__(self, api: Api, faults: Faults) -> None:
        self._api = api
        self._faults = faults
        self._actions: list[tuple[str, str, Action]] = [
            ("GET", "health", lambda _body, _id: {"status": "ok"}),
            ("GET", "summary", self._summary),
            ("POST", "reset", self._reset),
            ("POST", "clock", self._advance_clock),
            ("GET", "faults", lambda _body, _id: {"data": faults.listed()}),
            ("POST", "faults", self._add_fault),
            ("DELETE", "faults", self._clear_faults),
            ("POST", "payment_intents/([^/]+)/authenticate", self._operate(confirm.authenticate)),
            ("POST", "setup_intents/([^/]+)/authenticate", self._operate(setups.authenticate)),
            ("POST", "payment_methods/([^/]+)/become", self._operate(methods.become)),
            ("POST", "charges/([^/]+)/dispute", self._operate(disputes.begin)),
            ("POST", "disputes/([^/]+)/close", self._operate(disputes.decide)),
            ("POST", "disputes/([^/]+)/escalate", self._operate(disputes.escalate)),
            ("POST", "events/([^/]+)/resend", self._resend),
        ]

    def answer(self, method: str, path: str, text: str) -> Answer:
        try:
            body = self._run(method, path, text)
            return Answer(200, json.dumps(public(body)).encode())
        except ApiError as error:
            return answer_of(error)

    def _run(self, method: str, path: str, text: str) -> Json:
        for wanted, pattern, action in self._actions:
            match = re.fullmatch(f"/_sandbox/{pattern}", path) if wanted == method else None
            if match:
                return action(_decode(text), "".join(match.groups()))
        raise unrecognized_url(method, path)

    def _operate(self, operation: Callable[..., Json]) -> Action:
        def action(body: Json, target: str) -> Json:
            with self._api.store.transaction():
                return operation(self._api.call(body, target))

        return action

    def _summary(self, _body: Json, _id: str) -> Json:
        rows = self._api.store.rows(
            "SELECT json_extract(body, '$.status'), json_extract(body, '$.currency'), count(*),"
            " sum(json_extract(body, '$.amount_received'))"
            " FROM objects WHERE kind = 'payment_intent' GROUP BY 1, 2"
        )
        counts: dict[str, int] = {}
        received: dict[str, int] = {}
        for status, currency, count, amount in rows:
            counts[status] = counts.get(status, 0) + count
            if status == "succeeded":
                received[currency] = amount
        return {"payment_intents": counts, "succeeded_amount": received}

    def _reset(self, _body: Json, _id: str) -> Json:
        self._faults.clear()
        self._api.store.reset()
        return {}

    def _advance_clock(self, body: Json, _id: str) -> Json:
        seconds = body.get("advance_seconds")
        if not isinstance(seconds, int):
            raise invalid("advance_seconds must be an integer", "advance_seconds")
        store = self._api.store
        with store.transaction():
            store.change_setting("clock_shift", store.setting("clock_shift") + seconds)
        self._api.settle_late_refunds()
        return {"now": self._api.now()}

    def _add_fault(self, body: Json, _id: str) -> Json:
        return {"id": self._faults.add(body).id}

    def _clear_faults(self, _body: Json, _id: str) -> Json:
        self._faults.clear()
        return {}

    def _resend(self, _body: Json, event_id: str) -> Json:
        if not self._api.webhooks:
            raise ApiError(409, "The sandbox was started without --webhook-url.")
        with self._api.store.transaction():
            event = self._api.call({}).load("event", event_id)
            self._api.store.rows("INSERT INTO outbox (event) VALUES (?)", (event_id,))
        return event


def _decode(text: str) -> Json:
    try:
        body = json.loads(text or "{}")
    except ValueError as wrong:
        raise invalid(f"The body is not JSON: {wrong}") from wrong
    if not isinstance(body, dict):
        raise invalid("The body is not a JSON object")
    return body
