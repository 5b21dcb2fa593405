"""An adjustment: an amount of one account of a partner belongs to another."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from foundation.constraints import violated
from wallets import services
from wallets.models import Account, LedgerEntry, LedgerTransaction, Wallet
from wallets.tests.steps import adjust, race, wallet_of
from webhooks.models import Event

OWN = [account for account in Account if account not in services.OF_CUSTOMERS]


def entries_of(transaction_id):
    found = LedgerEntry.objects.filter(transaction_id=transaction_id).order_by("id")
    return list(found.values_list("account", "amount"))


@pytest.mark.parametrize("source", OWN)
@pytest.mark.parametrize("target", OWN)
def test_an_amount_moves_between_any_two_accounts_of_a_partner(partner, now, source, target):
    if source == target:
        with pytest.raises(services.SameAccount):
            adjust(partner.id, 1250, source, target, now)
        return

    made = adjust(partner.id, 1250, source, target, now, reference="case-7")

    assert entries_of(made) == [(source, -1250), (target, 1250)]
    row = LedgerTransaction.objects.get(id=made)
    assert (row.kind, row.currency, row.reference) == ("adjustment", "USD", "case-7")
    assert row.description == "The bank's letter of May."


def test_a_wallet_is_adjusted_and_its_partner_is_told(api, partner, ada, now):
    adjust(partner.id, 4000, "wallet:ada", "payout", now)
    adjust(partner.id, 500, "revenue", "wallet:ada", now)

    assert wallet_of(api, "ada")["balance"] == "65.00"
    types = Event.objects.filter(resource_id=ada["id"]).order_by("sequence")
    assert list(types.values_list("type", flat=True)) == [
        "wallet.credited", "wallet.debited", "wallet.credited",
    ]  # fmt: skip


def test_what_a_customer_owes_is_written_off(api, partner, ada, now):
    adjust(partner.id, 4000, "receivable:ada", "revenue", now)
    adjust(partner.id, 1000, "loss", "receivable:ada", now)

    assert wallet_of(api, "ada")["receivable"] == "30.00"


def test_what_a_customer_owes_is_paid_from_the_wallet(api, partner, ada, now):
    adjust(partner.id, 4000, "receivable:ada", "revenue", now)
    adjust(partner.id, 1000, "wallet:ada", "receivable:ada", now)

    shown = wallet_of(api, "ada")
    assert (shown["balance"], shown["receivable"]) == ("90.00", "30.00")


def test_nobody_pays_more_than_they_owe(partner, ada, now):
    adjust(partner.id, 4000, "receivable:ada", "revenue", now)

    with pytest.raises(services.OwedLess, match="owes 40"):
        adjust(partner.id, 4001, "loss", "receivable:ada", now)


def test_of_two_customers_nothing_is_adjusted(partner, ada, now):
    with pytest.raises(services.SameAccount):
        adjust(partner.id, 100, "wallet:ada", "receivable:bob", now)


def test_the_wallets_ledger_shows_it(api, partner, ada, now):
    adjust(partner.id, 4000, "wallet:ada", "payout", now)

    shown = api.get("/wallets/ada/ledger", kind="adjustment").json()["results"]

    assert [(e["kind"], e["transaction_type"], e["amount"]) for e in shown] == [
        ("adjustment", "debit", "40.00")
    ]


def test_a_wallet_never_gives_more_than_is_available(partner, ada, now):
    with pytest.raises(services.InsufficientFunds):
        adjust(partner.id, 10001, "wallet:ada", "revenue", now)
    assert Wallet.objects.get().balance == 10000


def test_a_frozen_wallet_gives_nothing_and_takes_all_the_same(api, partner, ada, now):
    api.patch("/wallets/ada", {"is_active": False})

    with pytest.raises(services.WalletInactive):
        adjust(partner.id, 1, "wallet:ada", "revenue", now)
    adjust(partner.id, 1, "revenue", "wallet:ada", now)

    assert Wallet.objects.get().balance == 10001


def test_a_wallet_in_another_currency_is_not_adjusted(partner, ada, now):
    with pytest.raises(services.WalletCurrencyDiffers, match="is in USD, not EUR"):
        adjust(partner.id, 1, "revenue", "wallet:ada", now, currency="EUR")


def test_a_customer_without_a_wallet_has_none_to_adjust(partner, now):
    with pytest.raises(services.WalletNotFound):
        adjust(partner.id, 1, "revenue", "wallet:bob", now)


def test_a_key_adjusts_once_however_often_and_how_many_ask(partner, ada, now):
    made = race(
        *[lambda: adjust(partner.id, 6000, "wallet:ada", "revenue", now, key="k") for _ in range(4)]
    )

    assert len(set(made)) == 1
    assert Wallet.objects.get().balance == 4000


def test_a_reference_is_unique_for_adjustments_too(partner, now):
    adjust(partner.id, 1, "revenue", "card", now, reference="r")

    with pytest.raises(services.ReferenceExists):
        adjust(partner.id, 1, "revenue", "card", now, reference="r")


def test_the_database_refuses_one_without_a_reason(partner, now):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        LedgerTransaction.objects.create(
            partner=partner, kind="adjustment", currency="USD", actor="x", created_at=now
        )
    assert violated(refusal.value) == "wallets_ledgertransaction_adjustment_says_why"
