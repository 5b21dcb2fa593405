"""The `/v1` API: keys checked, idempotency kept, one transaction for each request."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from devstack.stripe_sandbox import params, refunds, routes
from devstack.stripe_sandbox.call import MISSTATED, MISSTATEMENTS, Call, public
from devstack.stripe_sandbox.errors import (
    ApiError,
    Json,
    internal,
    invalid,
    key_in_use,
    key_mismatch,
    unauthorized,
)
from devstack.stripe_sandbox.store import Store

SECRET_KEY = re.compile(r"(sk|rk)_test_\w+")
KEY_LIFETIME = 24 * 3600
KEY_LENGTH = 255


@dataclass(frozen=True)
class Request:
    """`text` is the form body, or the query string of a GET."""

    method: str
    path: str
    text: str
    authorization: str
    key: str | None
    id: str


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    replayed: bool = False


def answer_of(error: ApiError) -> Answer:
    return Answer(error.status, json.dumps(public(error.body)).encode())


class Api:
    """Answers requests from the store; safe to call from many threads."""

    def __init__(self, store: Store, webhooks: bool = False) -> None:
        self.store = store
        self.webhooks = webhooks
        self._guard = threading.Lock()
        self._in_flight: set[str] = set()

    def now(self) -> int:
        """The sandbox's clock: the real one, shifted as tests asked."""
        return int(time.time()) + self.store.setting("clock_shift")

    def call(self, given: Json, target: str = "") -> Call:
        """A call that no API request caused."""
        return Call(self.store, self.now(), given, target, webhooks=self.webhooks)

    @contextmanager
    def in_flight(self, request: Request) -> Iterator[None]:
        """Nobody else uses the request's key in the block; ApiError 409 when somebody does."""
        keys = {request.key} if request.key and request.method == "POST" else set()
        with self._guard:
            for key in keys & self._in_flight:
                raise key_in_use(key)
            self._in_flight |= keys
        try:
            yield
        finally:
            with self._guard:
                self._in_flight -= keys

    def answer(self, request: Request, fault: str | None = None) -> Answer:
        """Executed, replayed or refused; `fault` may be one that spoils what is executed."""
        try:
            check_authorization(request.authorization)
            stored = self._stored(request)
            return stored or self._execute(request, fault)
        except ApiError as error:
            return answer_of(error)

    def fail(self, request: Request, error: ApiError) -> Answer:
        """The error, kept for the request's key; nothing is executed."""
        answer = answer_of(error)
        with self.store.transaction():
            self._record(request, answer)
        return answer

    def settle_late_refunds(self) -> None:
        with self.store.transaction():
            refunds.auto_apply(self.call({}))

    def _stored(self, request: Request) -> Answer | None:
        if request.key is None or request.method != "POST":
            return None
        if len(request.key) > KEY_LENGTH:
            raise invalid(f"Idempotency keys must be at most {KEY_LENGTH} characters long.")
        sql = (
            "SELECT path, fingerprint, status, body FROM idempotency WHERE key = ? AND created > ?"
        )
        found = self.store.rows(sql, (request.key, self.now() - KEY_LIFETIME))
        if not found:
            return None
        path, fingerprint, status, body = found[0]
        if (path, fingerprint) != (request.path, fingerprint_of(request)):
            raise key_mismatch(request.key, path, request.path)
        return Answer(status, body, replayed=True)

    def _execute(self, request: Request, fault: str | None) -> Answer:
        try:
            with self.store.transaction():
                answer = self._attempt(request, fault)
                self._record(request, answer)
        except ApiError as error:
            answer = answer_of(error)
            if error.executed:
                with self.store.transaction():
                    self._record(request, answer)
        return answer

    def _attempt(self, request: Request, fault: str | None) -> Answer:
        try:
            body = self._run(request, misstates=MISSTATEMENTS.get(fault or "", ()))
            answer = Answer(200, json.dumps(body).encode())
        except ApiError as error:
            if not error.keeps_changes:
                raise
            answer = answer_of(error)
        return answer_of(internal()) if fault == "error_500_after" else answer

    def _run(self, request: Request, *, misstates: tuple[str, ...]) -> Json:
        route, target = routes.find(request.method, request.path)
        given = params.validate(
            params.decode(request.text), params.params_type(route.resource, route.name)
        )
        call = Call(
            store=self.store,
            now=self.now(),
            params=given,
            target=target,
            request_id=request.id,
            idempotency_key=request.key,
            webhooks=self.webhooks,
            misstates=misstates,
        )
        result = route.operation(call)
        if misstates and result["object"] in MISSTATED:
            call.save(result)
        for path in given.get("expand") or ():
            expand(self.store, result, path)
        shown: Json = public(result)
        return shown

    def _record(self, request: Request, answer: Answer) -> None:
        if request.key is not None and request.method == "POST":
            self.store.rows(
                "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
                (
                    request.key,
                    request.path,
                    fingerprint_of(request),
                    answer.status,
                    answer.body,
                    self.now(),
                ),
            )


def fingerprint_of(request: Request) -> str:
    """The same for the same parameters in any order."""
    pairs = sorted(parse_qsl(request.text, keep_blank_values=True))
    return hashlib.sha256(repr(pairs).encode()).hexdigest()


def check_authorization(header: str) -> None:
    """ApiError 401 unless the header carries a secret key of test mode."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "basic":
        token = _basic_user(token)
    if scheme.lower() not in ("bearer", "basic") or not SECRET_KEY.fullmatch(token):
        raise unauthorized(token)


def _basic_user(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def expand(store: Store, obj: Json, path: str) -> None:
    """The id at the dotted path is replaced by its object. ApiError 400 if it names none."""
    name, _, rest = path.partition(".")
    if obj.get("object") == "list" and name == "data":
        for item in obj["data"]:
            expand(store, item, rest)
        return
    value = obj.get(name)
    if isinstance(value, str):
        obj[name] = store.find(value)
    if name not in obj or (value is not None and not isinstance(obj[name], dict)):
        raise invalid(f"This property cannot be expanded ({name}).", "expand")
    if rest and obj[name] is not None:
        expand(store, obj[name], rest)
