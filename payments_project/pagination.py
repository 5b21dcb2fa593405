"""Cursor pages, newest first: ids are UUIDv7 (or ascending numbers), so the key is the order."""

from __future__ import annotations

from typing import Any

from django.core.signing import BadSignature, Signer
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

MAX_LIMIT = 100


class NewestFirst(CursorPagination):
    ordering = "-id"
    page_size_query_param = "limit"
    max_page_size = MAX_LIMIT

    def encode_cursor(self, cursor: Cursor) -> str:
        """The link to a page; its cursor is signed for this list, so that nobody makes another."""
        signed = self.signer.sign_object([cursor.offset, cursor.reverse, cursor.position])
        return replace_query_param(self.base_url or "", self.cursor_query_param, signed)

    def decode_cursor(self, request: Request) -> Cursor | None:
        match = request.resolver_match
        self.signer = Signer(salt=f"cursor:{match.route if match else request.path}")
        signed = request.query_params.get(self.cursor_query_param)
        try:
            return None if signed is None else Cursor(*self.signer.unsign_object(signed))
        except BadSignature as error:
            detail = ErrorDetail("This cursor is not one of ours.", "invalid_cursor")
            raise ValidationError({self.cursor_query_param: [detail]}) from error

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
