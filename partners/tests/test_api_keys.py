from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.core import serializers
from hypothesis import given
from hypothesis import strategies as st

from foundation import broker
from partners import access, secrets, services
from partners.models import ApiKey, Partner

SAME_ID = {"x-request-id": "same"}


@pytest.fixture
def make_key(partner, now):
    def make(**options):
        return services.create_api_key(partner=partner, now=now, **options)

    return make


def test_only_a_prefix_and_a_hash_of_the_key_are_stored(make_key):
    _, key = make_key()

    prefix, secret = key.split(".")
    row = ApiKey.objects.get()
    assert (row.prefix, row.secret_hash) == (prefix, hashlib.sha256(secret.encode()).hexdigest())
    assert secret not in serializers.serialize("json", [row])


def test_two_keys_are_never_alike(make_key):
    assert len({make_key()[1] for _ in range(5)}) == 5


def test_a_live_key_opens_the_api(make_key, call):
    _, key = make_key()

    assert call(f"Bearer {key}").status_code == 200


def test_the_scheme_is_read_without_regard_to_case(make_key, call):
    _, key = make_key()

    assert call(f"bearer {key}").status_code == 200


@pytest.fixture
def refused_keys(make_key, now):
    live = make_key()[1]
    prefix, secret = live.split(".")
    revoked_row, revoked = make_key()
    services.revoke_api_key(api_key=revoked_row, now=now)
    expired = make_key(expires_at=now - timedelta(seconds=1))[1]
    return {
        "none": None,
        "empty": "",
        "unknown": f"Bearer {secrets.new_key()}",
        "wrong secret": f"Bearer {prefix}.{secret[:-1]}",
        "no secret": f"Bearer {prefix}.",
        "prefix alone": f"Bearer {prefix}",
        "no prefix": f"Bearer .{secret}",
        "expired": f"Bearer {expired}",
        "revoked": f"Bearer {revoked}",
        "another scheme": f"Basic {live}",
        "no scheme": live,
        "not ascii": "Bearer äöü.ßßß",
    }


def test_every_refused_key_gets_one_and_the_same_401(refused_keys, call):
    answers = {name: call(value, **SAME_ID) for name, value in refused_keys.items()}

    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(answers, 401)
    assert (
        len({(a.content, a["WWW-Authenticate"], a["Content-Type"]) for a in answers.values()}) == 1
    )
    assert answers["none"].json()["code"] == "unauthenticated"


def test_a_key_works_until_the_moment_it_expires(make_key, now):
    _, key = make_key(expires_at=now + timedelta(minutes=1))

    assert access.authenticate(key, now=now + timedelta(seconds=59)) is not None
    assert access.authenticate(key, now=now + timedelta(seconds=60)) is None


def test_a_revoked_key_is_refused_at_the_next_request(make_key, call, now):
    row, key = make_key()
    assert call(f"Bearer {key}").status_code == 200

    services.revoke_api_key(api_key=row, now=now)

    assert call(f"Bearer {key}").status_code == 401


def test_a_revoked_key_is_refused_at_the_next_request_after_a_broker_flush(make_key, call, now):
    row, key = make_key()
    assert call(f"Bearer {key}").status_code == 200
    broker.client().flushdb()

    services.revoke_api_key(api_key=row, now=now)

    assert call(f"Bearer {key}").status_code == 401


def test_a_revoked_key_is_refused_without_a_broker(make_key, call, now, dead_broker):
    row, key = make_key()
    assert call(f"Bearer {key}").status_code == 200

    services.revoke_api_key(api_key=row, now=now)

    assert call(f"Bearer {key}").status_code == 401


def test_revoking_twice_keeps_the_first_time(make_key, now):
    row, _ = make_key()
    services.revoke_api_key(api_key=row, now=now)

    services.revoke_api_key(api_key=row, now=now + timedelta(days=1))

    row.refresh_from_db()
    assert row.revoked_at == now


def test_two_live_keys_allow_rotation(make_key, call, now):
    old_row, old = make_key()
    _, new = make_key(name="new")
    assert call(f"Bearer {old}").status_code == call(f"Bearer {new}").status_code == 200

    services.revoke_api_key(api_key=old_row, now=now)

    assert call(f"Bearer {old}").status_code == 401
    assert call(f"Bearer {new}").status_code == 200


def test_a_use_is_remembered(make_key, now):
    row, key = make_key()
    assert row.last_used_at is None

    access.authenticate(key, now=now)

    row.refresh_from_db()
    assert row.last_used_at == now


def test_a_later_use_moves_the_last_use(make_key, now):
    row, key = make_key()
    access.authenticate(key, now=now)
    access._remembered.clear()  # as after its few seconds

    access.authenticate(key, now=now + timedelta(hours=1))

    row.refresh_from_db()
    assert row.last_used_at == now + timedelta(hours=1)


def test_a_wrong_secret_is_no_use_of_the_key(make_key, now):
    row, key = make_key()

    access.authenticate(key[:-1], now=now)

    row.refresh_from_db()
    assert row.last_used_at is None


def test_a_remembered_key_still_needs_its_secret(make_key, call):
    _, key = make_key()
    assert call(f"Bearer {key}").status_code == 200

    assert call(f"Bearer {key[:-1]}").status_code == 401


def test_an_unknown_scope_is_refused(make_key):
    with pytest.raises(services.UnknownScope):
        make_key(scopes=["read", "everything"])


def test_a_partner_name_is_unique(partner, now):
    with pytest.raises(services.PartnerExists):
        services.create_partner(name=partner.name, now=now)

    assert Partner.objects.count() == 1


@given(st.text())
def test_any_text_splits_into_a_whole_key_or_none(text):
    prefix, secret = secrets.split_key(text)

    assert (prefix, secret) == ("", "") or f"{prefix}.{secret}" == text
