"""Cursor pages, newest first: ids are UUIDv7 (or ascending numbers), so the key is the order."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

MAX_LIMIT = 100


class NewestFirst(CursorPagination):
    ordering = "-id"
    page_size_query_param = "limit"
    max_page_size = MAX_LIMIT

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, DjangoValidationError, ValueError) as error:
            message = "This cursor is not one of ours."
            detail = ErrorDetail(message, "invalid_cursor")
            raise ValidationError({"cursor": [detail]}) from error

    def decode_cursor(self, request: Request) -> Cursor | None:
        """DRF decodes leniently; what decodes to nothing is no cursor of ours."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is None and not cursor.offset:
            raise NotFound
        return cursor

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("limit", str(self.page_size))
        if not (
            text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT
        ):
            detail = ErrorDetail(f"A whole number from 1 to {MAX_LIMIT}.", "invalid_limit")
            raise ValidationError({"limit": [detail]})
        return int(text)

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return Response({"results": data, **links})
