"""Ctrl+K finds rows by what they are called exactly, for those who may see them."""

from __future__ import annotations

from uuid import uuid4

from staff.tests.conftest import text


def found(browser, term):
    return text(browser.get("/admin/search/", s=term, extended="1"))


def test_a_charge_is_found_by_its_intent_and_its_id(fay, charge):
    page = f"/admin/charges/charge/{charge.pk}/change/"

    assert page in found(fay, charge.external_charge_id)
    assert page in found(fay, f" {charge.pk} ")


def test_a_wallet_is_found_by_its_customer(fay, wallet):
    assert f"/admin/wallets/wallet/{wallet.pk}/change/" in found(fay, "ada")


def test_part_of_an_id_or_nothing_finds_no_row(fay, charge):
    for term in (charge.external_charge_id[:8], str(charge.pk)[:8], str(uuid4()), "", "%"):
        assert "/change/" not in found(fay, term)


def test_only_rows_that_the_person_may_see(person, charge):
    nobody = person("jo")

    assert "/change/" not in found(nobody, charge.external_charge_id)
