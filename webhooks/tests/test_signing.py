from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhooks import signing

SECRET = signing.new_secret()
EVENT = uuid4()
AT = datetime(2026, 3, 2, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def body(data="{}"):
    return signing.body(id=EVENT, type="wallet.credited", created_at=AT, sequence=1, data=data)


def signed(at=AT, secret=SECRET):
    return signing.headers(secrets=[secret], event_id=EVENT, body=body(), at=at)


@pytest.fixture(params=[0, 1], ids=["python", "node"])
def verify(request, independent):
    """Whether an independent library accepts a request, as we signed it unless told otherwise."""

    def verify(*, secret=SECRET, headers=None, sent=None, at=AT):
        library = independent[request.param]
        return library.accepts(secret, headers or signed(), sent or body(), int(at.timestamp()))

    return verify


def test_independent_libraries_verify_a_signature(verify):
    assert verify()


def test_a_tampered_body_is_refused(verify):
    assert not verify(sent=body().replace(b"credited", b"debited"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", str(UUID(int=7))),
        ("webhook-timestamp", str(int(AT.timestamp()) - 1)),
        ("webhook-signature", "v1,AAAA"),
    ],
    ids=["id", "timestamp", "signature"],  # the same in every process, whatever the second
)
def test_a_tampered_header_is_refused(verify, name, value):
    assert not verify(headers=signed() | {name: value})


def test_another_secret_is_refused(verify):
    assert not verify(secret=signing.new_secret())


def test_an_old_signature_is_refused(verify):
    assert verify(at=AT + timedelta(minutes=4))
    assert not verify(at=AT + timedelta(minutes=6))


def test_the_id_on_the_wire_is_the_events():
    assert signed()["webhook-id"] == str(EVENT)


def test_a_signature_has_its_version():
    assert signed()["webhook-signature"].startswith("v1,")


def test_two_secrets_are_never_alike():
    assert len({signing.new_secret() for _ in range(5)}) == 5


def test_the_body_has_the_contracts_members_in_order():
    assert list(json.loads(body())) == ["id", "type", "created_at", "sequence", "data"]


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_any_data_arrives_as_it_was(data):
    assert json.loads(body(json.dumps(data)))["data"] == data
