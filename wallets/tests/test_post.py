from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from conftest import BY
from wallets import ledger
from wallets.ledger import Line, Posting
from wallets.models import Account, Kind, LedgerEntry, Wallet
from wallets.tests.steps import open_wallet


def posting(partner, *lines):
    return Posting(partner_id=partner.id, kind=Kind.CREDIT, currency="USD", lines=lines)


def credited(partner, wallet, amount):
    return posting(partner, Line(Account.WALLET, amount, wallet), Line(Account.FUNDING, -amount))


def test_post_refuses_to_run_outside_a_transaction(partner, ada, now):
    balanced = posting(partner, Line(Account.FUNDING, -1), Line(Account.PAYOUT, 1))

    with pytest.raises(RuntimeError):
        ledger.post([balanced], by=BY, now=now)

    assert LedgerEntry.objects.count() == 2


def test_an_unbalanced_posting_is_refused_at_commit(partner, ada, now):
    unbalanced = posting(partner, Line(Account.FUNDING, -2), Line(Account.PAYOUT, 1))

    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.post([unbalanced], by=BY, now=now)


def test_entries_of_a_wallet_chain_within_one_batch(partner, ada, now):
    with transaction.atomic():
        (wallet,) = ledger.lock([(partner.id, "ada")]).values()
        ledger.post([credited(partner, wallet, amount) for amount in (1, 2, 3)], by=BY, now=now)

    chain = LedgerEntry.objects.filter(wallet=wallet).order_by("id")
    assert list(chain.values_list("balance_before", "balance_after"))[1:] == [
        (10000, 10001),
        (10001, 10003),
        (10003, 10006),
    ]


def test_a_wallet_passed_in_is_up_to_date_afterwards(partner, ada, now):
    with transaction.atomic():
        (wallet,) = ledger.lock([(partner.id, "ada")]).values()
        ledger.post([credited(partner, wallet, 5)], holds={wallet.id: (wallet, 7)}, by=BY, now=now)
        ledger.post([], holds={wallet.id: (wallet, -7)}, by=BY, now=now)

    stored = Wallet.objects.get()
    assert (wallet.balance, wallet.held) == (stored.balance, stored.held) == (10005, 0)


def test_a_batch_is_one_statement(partner, ada, now, django_assert_num_queries):
    with transaction.atomic():
        (wallet,) = ledger.lock([(partner.id, "ada")]).values()
        postings = [credited(partner, wallet, 1) for _ in range(50)]
        with django_assert_num_queries(1):
            ledger.post(postings, by=BY, now=now)


def test_locked_wallets_are_in_primary_key_order(partner, api):
    for customer_id in ("ada", "bob", "eve"):
        open_wallet(api, customer_id)

    with transaction.atomic():
        locked = ledger.lock([(partner.id, name) for name in ("eve", "ada", "nobody", "bob")])

    assert [wallet.id for wallet in locked.values()] == sorted(
        Wallet.objects.values_list("id", flat=True)
    )
