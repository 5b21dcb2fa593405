from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments_project import parsers
from payments_project.tests.conftest import problem

CUSTOMER = '{"customer_id": %s}'
KIB_64 = 64 * 1024


@pytest.fixture
def refuse(send, written):
    """POSTs the bytes, sees that nothing was written; returns the problem."""

    def refuse(raw, **options):
        before = written()
        answer = send("post", "/wallets", raw, **options)
        assert written() == before
        return problem(answer)

    return refuse


MALFORMED = {
    "no json": b"customer_id=ada",
    "cut short": b'{"customer_id": "ada"',
    "two values": b'{"customer_id": "ada"} {}',
    "trailing comma": b'{"customer_id": "ada",}',
    "comment": b'{"customer_id": "ada" /* me */}',
    "single quotes": b"{'customer_id': 'ada'}",
    "duplicate field": b'{"customer_id": "ada", "customer_id": "bob"}',
    "duplicate inner field": b'{"customer_id": {"a": 1, "a": 1}}',
    "escaped NUL": b'{"customer_id": "a\\u0000b"}',
    "raw NUL": b'{"customer_id": "a\x00b"}',
    "NUL in a name": b'{"a\\u0000": 1}',
    "lone high surrogate": b'{"customer_id": "\\ud800"}',
    "lone low surrogate": b'{"customer_id": "\\udc00"}',
    "surrogates in disorder": b'{"customer_id": "\\udc00\\ud800"}',
    "NaN": b'{"customer_id": NaN}',
    "Infinity": b'{"customer_id": -Infinity}',
    "an array": b'[{"customer_id": "ada"}]',
    "a string": b'"ada"',
    "null": b"null",
    "a number": b"1",
    "byte order mark": b'\xef\xbb\xbf{"customer_id": "ada"}',
    "no utf-8": b'{"customer_id": "\xff"}',
    "overlong utf-8": b'{"customer_id": "\xc0\xaf"}',
    "utf-16": '{"customer_id": "ada"}'.encode("utf-16"),
    "33 levels": b'{"customer_id": ' + b"[" * 32 + b"]" * 32 + b"}",
    "thousands of levels": b'{"customer_id": ' + b"[" * 30000 + b"]" * 30000 + b"}",
    "5000 digits": b'{"customer_id": ' + b"9" * 5000 + b"}",
}


def test_malformed_json_is_refused(refuse):
    codes = {name: refuse(raw)["code"] for name, raw in MALFORMED.items()}

    assert codes == dict.fromkeys(MALFORMED, "parse_error")


def test_an_empty_body_lacks_its_fields(refuse):
    assert refuse(b"")["code"] == "validation_error"


def test_32_levels_are_read():
    raw = '{"a": ' + "[" * 31 + "]" * 31 + "}"

    assert parsers.load(raw.encode())


def test_many_brackets_in_text_are_no_nesting():
    assert parsers.load(json.dumps({"a": "[" * 500}).encode())


def test_a_body_of_64_kib_is_read():
    body = CUSTOMER % '"ada"'

    assert len(parsers.load(body.ljust(KIB_64).encode())) == 1


def test_a_body_over_64_kib_is_too_large(refuse):
    found = refuse((CUSTOMER % '"ada"').ljust(KIB_64 + 1))

    assert (found["status"], found["code"]) == (413, "too_large")


def test_a_body_of_megabytes_is_too_large(refuse):
    assert refuse((CUSTOMER % '"ada"').ljust(5 * 1024 * 1024))["status"] == 413


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/xml", "text/json", "application/json-patch+json", "nonsense",
    ],
)  # fmt: skip
def test_another_media_type_is_refused(content_type, refuse):
    found = refuse(CUSTOMER % '"ada"', content_type=content_type)

    assert (found["status"], found["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"]
)
def test_a_media_type_with_parameters_is_json(content_type, send):
    answer = send("post", "/wallets", CUSTOMER % '"ada"', content_type=content_type)

    assert answer.status_code == 201


CARDS = [
    "4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "378282246310005",
    "6011000990139424", "my card is 4242424242424242.", "4000000000000002\\n",
    "\\u0034242424242424242",
]  # fmt: skip
CARDS_WITH_MORE = ["4242 4242 4242 4242 123", "4242424242424242 12/27", "378282246310005 1234"]


def codes(refuse, texts):
    return {text: refuse(CUSTOMER % text)["code"] for text in texts}


@pytest.mark.parametrize("texts", [CARDS, CARDS_WITH_MORE], ids=["alone", "with more"])
def test_a_card_number_is_refused_in_any_text(texts, refuse):
    found = codes(refuse, [f'"{text}"' for text in texts])

    assert found == dict.fromkeys(found, "card_data_not_accepted")


def test_a_card_number_is_refused_wherever_it_stands(refuse):
    found = codes(
        refuse,
        [
            "4242424242424242",
            "4242424242424242.0",
            '["4242424242424242"]',
            '{"a": {"4242424242424242": 1}}',
        ],
    )

    assert found == dict.fromkeys(found, "card_data_not_accepted")


@pytest.mark.parametrize(
    "text", ["4242424242424241", "424242424242", "01a20a75-46b5-7496-8340-6a8e59aa59eb"]
)
def test_other_digits_are_no_card_number(text, send):
    assert send("post", "/wallets", CUSTOMER % f'"{text}"').status_code == 201


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_object_or_a_refusal(raw):
    try:
        data = parsers.load(raw)
    except parsers.ParseError:
        return
    assert isinstance(data, dict)
