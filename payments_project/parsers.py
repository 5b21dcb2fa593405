"""Requests are read strictly: what JSON leaves open (RFC 8259) is refused, not guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from foundation.wire.serializers import NumberText

MAX_NESTING = 32
# Digits, perhaps in groups, that are not part of a longer word.
DIGIT_GROUPS = re.compile(r"(?<![\w-])[0-9]+(?:[ -][0-9]+)*(?![\w-])")
MANY_DIGITS = re.compile(r"[0-9](?:[ -]?[0-9]){12}")
CARD_DIGITS = range(13, 20)


class CardDataNotAccepted(ParseError):
    default_code = "card_data_not_accepted"
    default_detail = "Never send card numbers here; send a payment method id of Stripe."


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """The body's JSON object; middleware.BodyLimit has let it in. Raises ParseError,
        CardDataNotAccepted.
        """
        return load(stream.read())


def load(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
        data = json.loads(
            text, object_pairs_hook=_object, parse_float=NumberText, parse_constant=_refuse
        )
    except RecursionError as error:
        raise ParseError("The body is nested too deeply.") from error
    except ValueError as error:
        raise ParseError(f"The body is not sound JSON: {error}") from error
    if not isinstance(data, dict):
        raise ParseError("The body must be a JSON object.")
    if text.count("[") + text.count("{") > MAX_NESTING or "\\u" in text or MANY_DIGITS.search(text):
        _inspect(data)
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a field is given twice")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _inspect(data: Any) -> None:
    for value, depth in _walk(data, 1):
        if depth > MAX_NESTING:
            raise ParseError(f"Nested deeper than {MAX_NESTING} levels.")
        if isinstance(value, str):
            _inspect_text(value)
        elif isinstance(value, int) and is_card_number(str(value)):
            raise CardDataNotAccepted


def _walk(value: Any, depth: int) -> Iterator[tuple[Any, int]]:
    stack = [(value, depth)]
    while stack:
        value, depth = stack.pop()
        yield value, depth
        if isinstance(value, Mapping):
            stack.extend((part, depth + 1) for pair in value.items() for part in pair)
        elif isinstance(value, list):
            stack.extend((part, depth + 1) for part in value)


def _inspect_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ParseError("Text with NUL or lone surrogates is refused.")
    if holds_card_number(text):
        raise CardDataNotAccepted


def holds_card_number(text: str) -> bool:
    """Whether some neighbouring groups of digits are together a card number."""
    return any(
        is_card_number("".join(groups[first:last]))
        for groups in (re.split("[ -]", run) for run in DIGIT_GROUPS.findall(text))
        for first in range(len(groups))
        for last in range(first + 1, min(len(groups), first + CARD_DIGITS.stop) + 1)
    )


def is_card_number(digits: str) -> bool:
    """13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1)."""
    if len(digits) not in CARD_DIGITS or not digits.isdigit():
        return False
    even, odd = digits[-1::-2], digits[-2::-2]
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in odd)
    return (sum(map(int, even)) + sum(doubled)) % 10 == 0


class AlwaysJSON(BaseContentNegotiation):
    """Answers are JSON whatever the Accept header says."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        parser: BaseParser = parsers[0]
        return parser if media_type == parser.media_type else None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
