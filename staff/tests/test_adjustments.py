"""Two people adjust a partner's books: always two, whatever the amount."""

from __future__ import annotations

import pytest

from staff.invariants import INVARIANTS
from staff.models import Approval, AuditEntry
from staff.tests.conftest import path_of, said, text
from wallets.models import LedgerTransaction, Wallet
from wallets.tests.corruption import corrupted, found_broken
from wallets.tests.steps import race

WORDS = {
    "currency": "usd", "amount": "1.00", "source": "revenue", "target": "payout",
    "customer_id": "", "reference": "", "reason": "Case 7.",
}  # fmt: skip


def adjustments():
    return LedgerTransaction.objects.filter(kind="adjustment")


@pytest.fixture
def asked(fay, partner):
    """Fay's request for 1.00, far below any threshold."""
    fay.act("adjust", partner, **WORDS)
    return Approval.objects.get()


def test_the_smallest_amount_needs_a_second_person(fay, partner, settings):
    settings.APPROVAL_THRESHOLDS = {"*": "1000000"}
    page = fay.review("adjust", partner, **WORDS)

    answer = fay.confirm(page)

    assert "This always needs a second person" in text(page)
    assert [(row[0], row[2]) for row in page.context["table"]["rows"]] == [
        ("revenue", "-$1.00"), ("payout", "$1.00"),
    ]  # fmt: skip
    assert "another person is asked to approve it" in said(answer)[0]
    asked = Approval.objects.get()
    assert (asked.status, asked.amount, asked.currency) == ("pending", 100, "USD")
    assert not adjustments().exists()


def test_another_person_posts_exactly_what_was_asked_for(gil, asked):
    gil.act("approve", asked, reason="Agreed.")

    made = adjustments().get()
    assert list(made.entries.order_by("id").values_list("account", "amount")) == [
        ("revenue", -100), ("payout", 100),
    ]  # fmt: skip
    assert (made.actor, made.description) == ("staff:gil", "Case 7.")
    entry = AuditEntry.objects.get(action="adjust", approval=asked)
    assert (entry.outcome, entry.reason) == ("done", "Case 7.")
    assert "1.00 USD from revenue to payout" in entry.summary


def test_nobody_approves_their_own(fay, asked):
    fay.act("approve", asked)

    assert Approval.objects.get().status == "pending"
    assert not adjustments().exists()


def test_two_approvers_at_once_post_once(gil, person, asked):
    hal = person("hal", "finance")
    pages = [(who, who.review("approve", asked)) for who in (gil, hal)]

    race(*[lambda who=who, page=page: who.confirm(page) for who, page in pages])

    assert adjustments().count() == 1
    assert Approval.objects.get().status == "approved"


def test_a_wallet_is_named_by_its_customer(fay, gil, wallet, partner):
    words = WORDS | {"source": "wallet", "customer_id": "ada", "amount": "1,000.00"}
    fay.act("adjust", partner, **words)

    gil.act("approve", Approval.objects.get())

    assert Wallet.objects.get().balance == 400000


def test_what_a_wallet_does_not_have_is_refused_before_anybody_is_asked(fay, wallet, partner):
    words = WORDS | {"source": "wallet", "customer_id": "ada", "amount": "5000.01"}

    page = fay.review("adjust", partner, **words)

    assert "5000.01 USD was asked for, 5000.00 is available." in text(page)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("currency", "XXX"), ("currency", ""), ("amount", "0"), ("amount", "1.001"),
        ("amount", "-1"), ("target", "revenue"), ("target", "bank"), ("customer_id", "ada"),
        ("reason", " "),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_at_its_field(fay, partner, field, value):
    page = fay.review("adjust", partner, **WORDS | {field: value})

    assert page.context["form"].errors[field]


def test_a_wallet_needs_its_customer(fay, partner):
    page = fay.review("adjust", partner, **WORDS | {"target": "wallet"})

    assert page.context["form"].errors["customer_id"]


def test_finance_may_adjust_and_others_not(fay, person, partner):
    assert fay.is_offered("adjust", partner)
    for name in ("support", "auditor"):
        other = person(name, name)
        assert not other.is_offered("adjust", partner)
        assert other.get(path_of("adjust", partner)).status_code == 403


def test_the_ledger_shows_it(fay, gil, asked):
    gil.act("approve", asked)

    listed = fay.get("/admin/wallets/ledgertransaction/", kind__exact="adjustment")

    assert "Case 7." in text(listed)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("staff_approval", "SET status = 'pending', decided_by_id = NULL"),
        ("staff_approval", "SET amount = amount + 1"),
        ("staff_auditentry", "SET approval_id = NULL"),
        ("wallets_ledgerentry", "SET account = 'card' WHERE account = 'revenue'"),
        ("wallets_ledgertransaction", "SET idempotency_key = NULL WHERE kind = 'adjustment'"),
    ],
)
def test_one_that_nobody_approved_so_is_found(gil, asked, table, change):
    gil.act("approve", asked)
    (invariant,) = INVARIANTS
    assert not found_broken()

    with corrupted(table, f"UPDATE {table} {change}"):
        assert found_broken()[invariant]
