from __future__ import annotations

import json
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from partners.models import ALL_SCOPES, ApiKey, Partner


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_create_partner_prints_json_with_a_working_key(committed, call):
    printed = json.loads(run("create_partner", "Acme", "--json"))

    assert set(printed) == {"partner_id", "api_key"}
    assert str(Partner.objects.get(name="Acme").id) == printed["partner_id"]
    assert call(f"Bearer {printed['api_key']}").status_code == 200


def test_create_partner_gives_all_scopes(committed):
    run("create_partner", "Acme", "--json")

    assert ApiKey.objects.get().scopes == ALL_SCOPES


def test_create_partner_prints_words_without_json(committed):
    printed = run("create_partner", "Acme")

    assert ApiKey.objects.get().prefix in printed
    assert str(Partner.objects.get().id) in printed


def test_create_partner_refuses_a_name_twice(partner):
    with pytest.raises(CommandError, match="exists"):
        run("create_partner", partner.name)


@pytest.mark.parametrize("by", ["id", "name"])
def test_create_api_key_finds_the_partner(by, partner, call):
    printed = json.loads(run("create_api_key", str(getattr(partner, by)), "--json"))

    assert printed["partner_id"] == str(partner.id)
    assert call(f"Bearer {printed['api_key']}").status_code == 200


def test_create_api_key_gives_the_scopes_asked_for(partner):
    run("create_api_key", partner.name, "--scopes", "read, charges:write")

    assert ApiKey.objects.get().scopes == ["read", "charges:write"]


def test_create_api_key_refuses_an_unknown_scope(partner):
    with pytest.raises(CommandError, match="Unknown scope: all"):
        run("create_api_key", partner.name, "--scopes", "all")

    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("name", ["Nobody", str(UUID(int=7))])
def test_create_api_key_refuses_an_unknown_partner(name, partner):
    with pytest.raises(CommandError, match="No partner"):
        run("create_api_key", name)


def test_the_key_is_printed_only_when_it_is_made(partner):
    key = json.loads(run("create_api_key", partner.name, "--json"))["api_key"]

    assert key.split(".")[1] not in run("create_api_key", partner.name)
