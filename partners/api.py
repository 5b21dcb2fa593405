"""What every view of the partner API starts from."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import generics
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from foundation.actors import Actor
from foundation.wire.serializers import NoBody
from partners.access import Granted
from partners.models import Scope

KEY = re.compile(r"[\x20-\x7e]{1,255}")
READS = ("GET", "HEAD")


class IdempotencyKeyRequired(ValidationError):
    default_code = "idempotency_key_required"
    default_detail = "Send an Idempotency-Key header of 1 to 255 printable ASCII characters."


class PartnerView(generics.GenericAPIView[Any]):
    """A view for one partner: `partner_id`, `actor` and `now` are what doors ask for."""

    write_scope: str = Scope.READ

    is_query_read = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The request is let in, and says nothing that its method would not read."""
        super().initial(request, *args, **kwargs)
        if request.method not in READS:
            refuse_query(request)
        if request.method == "DELETE":
            NoBody.shared().run_validation(request.data)

    def filter_queryset(self, queryset: Any) -> Any:
        """Those that the query asks for; it is read, and refused where it is not known."""
        self.is_query_read = True
        return super().filter_queryset(queryset)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """A query that nothing has read by now is refused: this was no list."""
        if request.method in READS and response.status_code < 400 and not self.is_query_read:
            try:
                refuse_query(request)
            except ValidationError as error:
                response = self.handle_exception(error)
        return super().finalize_response(request, response, *args, **kwargs)

    @property
    def granted(self) -> Granted:
        granted = self.request.auth
        assert isinstance(granted, Granted)  # noqa: S101 -- HasScope has let the request in
        return granted

    @property
    def partner_id(self) -> UUID:
        return self.granted.access.partner_id

    @property
    def actor(self) -> Actor:
        request_id = getattr(self.request, "request_id", "")
        return Actor(f"api_key:{self.granted.access.prefix}", request_id)

    @property
    def now(self) -> datetime:
        return timezone.now()

    def page(self, queryset: Any) -> Response:
        """One cursor page of the filtered queryset, in the view's serializer."""
        rows = self.paginate_queryset(self.filter_queryset(queryset))
        serializer = self.get_serializer(rows, many=True)
        return self.get_paginated_response(serializer.data)


def refuse_query(request: Request) -> None:
    """Raises ValidationError when there are query parameters: what is not read is never dropped."""
    if request.query_params:
        detail = ErrorDetail("This call takes no such query parameter.", "unknown_parameter")
        raise ValidationError({name: [detail] for name in request.query_params})


def refuse_empty_body(request: Request) -> None:
    """Whoever named a type meant to send something. Raises ParseError when nothing came."""
    if request.content_type and not int(request.META.get("CONTENT_LENGTH") or 0):
        raise ParseError("The body is empty. Send {}, or no Content-Type, to leave all fields out.")


def idempotency_key(request: Request) -> str:
    """The caller's key. Raises IdempotencyKeyRequired when missing or malformed."""
    key: str = request.headers.get("Idempotency-Key", "")
    if not KEY.fullmatch(key):
        raise IdempotencyKeyRequired
    return key


def fingerprint(request: Request, *path: str) -> str:
    """What was asked, independent of spacing and order of fields: 64 hex digits."""
    text = json.dumps([path, request.data], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def created(data: dict[str, Any], *, is_replay: bool, status: int = 201) -> Response:
    """The answer to a POST with an idempotency key, first or repeated."""
    headers = {"Idempotent-Replayed": "true"} if is_replay else None
    return Response(data, status=status, headers=headers)
