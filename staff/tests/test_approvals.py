"""Four eyes: above the threshold one person asks, another decides."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid5

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from charges.models import Refund
from staff import services
from staff.action import threshold
from staff.models import Approval, AuditEntry
from staff.tests.conftest import hidden, path_of, said, text
from wallets.models import LedgerTransaction, Wallet


@pytest.fixture
def asked(fay, wallet):
    """Fay's request for a credit of 1,000.01."""
    fay.act("credit", wallet, amount="1000.01", reason="Goodwill.")
    return Approval.objects.get()


def balance():
    return Wallet.objects.get(customer_id="ada").balance


def test_above_the_threshold_nothing_is_posted_before_another_person_approves(fay, wallet):
    page = fay.review("credit", wallet, amount="1000.01", reason="Goodwill.")
    answer = fay.confirm(page)

    assert "above the threshold" in text(page)
    assert "another person is asked to approve it" in said(answer)[0]
    assert balance() == 500000
    asked = Approval.objects.get()
    assert (asked.status, asked.amount, asked.currency) == ("pending", 100001, "USD")
    assert (asked.requested_by, asked.reason) == (fay.user, "Goodwill.")


def test_another_person_approves_what_they_were_shown(gil, asked):
    page = gil.review("approve", asked, reason="Agreed.")
    shown = [row[2] for row in page.context["table"]["rows"]]

    answer = gil.confirm(page)

    assert shown == ["$1,000.01", "-$1,000.01"]
    assert balance() == 600001
    assert "The balance is 6000.01 USD." in said(answer)[0]
    asked.refresh_from_db()
    assert (asked.status, asked.decided_by, asked.decision_reason) == (
        "approved", gil.user, "Agreed.",
    )  # fmt: skip
    entry = AuditEntry.objects.get(action="credit", approval=asked)
    assert (entry.actor, entry.reason, entry.outcome) == ("staff:gil", "Goodwill.", "done")
    assert LedgerTransaction.objects.latest("id").actor == "staff:gil"


def test_nobody_approves_their_own_request(fay, asked):
    answer = fay.act("approve", asked)

    assert "Another person must decide" in said(answer)[0]
    assert (balance(), Approval.objects.get().status) == (500000, "pending")


def test_the_database_refuses_a_decision_of_ones_own(fay, asked):
    with pytest.raises(IntegrityError, match="staff_approval_four_eyes"):
        Approval.objects.update(status="approved", decided_by=fay.user)


def test_the_database_refuses_an_approval_by_nobody(asked):
    with pytest.raises(IntegrityError, match="staff_approval_decided_by_somebody"):
        Approval.objects.update(status="approved")


def test_a_rejected_request_is_over(gil, asked):
    gil.act("reject", asked, reason="Too much.")

    assert (balance(), Approval.objects.get().status) == (500000, "rejected")
    assert not gil.is_offered("approve", asked)
    assert not gil.is_offered("carry-out", asked)


@pytest.mark.parametrize("is_approved", [True, False])
def test_what_was_decided_stays_decided(gil, asked, is_approved):
    person = services.Person(gil.user)
    words = {"reason": "First.", "person": person, "now": timezone.now()}
    services.decide(asked.id, is_approved=is_approved, **words)

    with pytest.raises(services.NotPending):
        services.decide(asked.id, is_approved=not is_approved, **words | {"reason": "Second."})

    assert Approval.objects.get().decision_reason == "First."


def test_a_decision_waits_for_another_that_is_being_made(gil, asked):
    outcomes = []

    def approve():
        try:
            services.decide(
                asked.id, is_approved=True, reason="Yes.", person=services.Person(gil.user),
                now=timezone.now(),
            )  # fmt: skip
            outcomes.append("approved")
        except services.NotPending as refusal:
            outcomes.append(str(refusal))
        finally:
            connection.close()

    other = User.objects.create_superuser("hal")
    thread = threading.Thread(target=approve)
    with transaction.atomic():
        Approval.objects.select_for_update().get()
        thread.start()
        thread.join(0.5)
        Approval.objects.update(status="rejected", decided_by=other)
    thread.join(10)

    assert outcomes == ["The request is rejected: there is nothing to decide."]


def test_what_was_approved_is_done_once_however_often_it_is_asked(gil, asked):
    person = services.Person(gil.user)
    approved = services.decide(
        asked.id, is_approved=True, reason="Yes.", person=person, now=timezone.now()
    )

    for _ in range(2):
        services.carry_out_approved(approved, person=person, now=timezone.now())

    assert balance() == 600001


def test_approved_twice_it_is_done_once(person, gil, asked):
    hal = person("hal", "finance")
    pages = [(hal, hal.review("approve", asked)), (gil, gil.review("approve", asked))]
    barrier = threading.Barrier(2)

    def approve(somebody, form):
        try:
            barrier.wait()
            somebody.post(path_of("approve", asked), **form)
        finally:
            connection.close()

    threads = [threading.Thread(target=approve, args=[p, hidden(page)]) for p, page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert balance() == 600001
    assert AuditEntry.objects.filter(action="credit", approval=asked).count() == 1


def test_a_request_expires(gil, asked):
    page = gil.review("approve", asked)
    Approval.objects.update(expires_at=timezone.now())

    late = gil.confirm(page)
    expired = services.expire_approvals(now=timezone.now())

    assert "The request is expired" in said(late)[0]
    assert (expired, balance()) == (1, 500000)
    assert Approval.objects.get().status == "expired"


def test_a_request_that_is_not_over_does_not_expire(asked):
    assert services.expire_approvals(now=timezone.now() + timedelta(hours=71)) == 0


def test_what_is_not_possible_any_more_is_refused_and_on_record(fay, gil, wallet, api):
    fay.act("debit", wallet, amount="4000.00", reference="")
    asked = Approval.objects.get()
    page = gil.review("approve", asked)
    api.post("/wallets/ada/debit", {"amount": "1500.00"})

    again = gil.confirm(page)

    assert "4000.00 USD was asked for, 3500.00 is available." in text(again)
    assert Approval.objects.get().status == "pending"
    assert balance() == 350000


def test_a_large_refund_needs_a_second_person(fay, gil, charge, settings):
    settings.APPROVAL_THRESHOLDS = {"USD": "100"}
    fay.act("refund", charge, amount="100.01", refund_to="auto")
    asked = Approval.objects.get()
    assert not Refund.objects.exists()

    gil.act("approve", asked)

    assert Refund.objects.get().status == "succeeded"
    assert Refund.objects.get().amount == 10001


def test_who_may_not_credit_may_not_approve_a_credit(person, asked):
    ida = person("ida", "support")
    ida.user.user_permissions.add(Permission.objects.get(codename="approval_decide"))
    ida.user.user_permissions.add(Permission.objects.get(codename="view_approval"))

    answer = ida.act("approve", asked)

    assert "not allowed" in said(answer)[0]
    assert (balance(), Approval.objects.get().status) == (500000, "pending")


def test_who_asked_does_not_carry_out(fay, gil, asked):
    person = services.Person(gil.user)
    services.decide(asked.id, is_approved=True, reason="Yes.", person=person, now=timezone.now())

    answer = fay.act("carry-out", asked)

    assert "Another person must decide" in said(answer)[0]
    assert balance() == 500000


@pytest.mark.parametrize(("amount", "posted"), [("1.00", 100), ("1000.01", 0)])
def test_the_token_of_a_deed_to_come_cannot_be_taken_before(
    fay, gil, asked, wallet, amount, posted
):
    token = str(uuid5(asked.id, "carried out"))
    fay.confirm(fay.review("credit", wallet, amount=amount, reason="Goodwill."), token=token)

    answer = gil.act("approve", asked)

    assert "used for something else" in said(answer)[0]
    assert balance() == 500000 + posted


def test_who_asked_is_offered_to_withdraw_and_nothing_else(fay, gil, asked):
    offered = {name for name in ("approve", "reject", "withdraw") if fay.is_offered(name, asked)}
    others = {name for name in ("approve", "reject", "withdraw") if gil.is_offered(name, asked)}

    assert (offered, others) == ({"withdraw"}, {"approve", "reject"})


def test_a_request_that_was_withdrawn_is_over(fay, gil, asked):
    page = gil.review("approve", asked)
    fay.act("withdraw", asked, reason="A mistake.")

    answer = gil.confirm(page)

    assert "no longer applies" in said(answer)[0]
    assert (balance(), Approval.objects.get().decision_reason) == (500000, "Withdrawn: A mistake.")


def test_nobody_withdraws_anothers_request(gil, asked):
    gil.act("withdraw", asked)

    assert Approval.objects.get().status == "pending"


def test_the_latest_request_stands_on_top(fay, wallet):
    for amount in ("1100", "1200", "1300"):
        fay.act("credit", wallet, amount=amount)

    shown = fay.get("/admin/staff/approval/").context["cl"].result_list

    assert [row.amount for row in shown] == [130000, 120000, 110000]


def test_the_trail_says_that_it_was_asked_for(asked):
    entry = AuditEntry.objects.get(action="credit")

    assert entry.summary == "Asked for approval: Credit 1000.01 USD to ada (USD)"


def test_after_a_crash_between_word_and_deed_it_is_carried_out_once(gil, asked):
    person = services.Person(User.objects.get(username="gil"))
    services.decide(asked.id, is_approved=True, reason="Yes.", person=person, now=timezone.now())
    assert balance() == 500000

    gil.act("carry-out", asked)

    assert balance() == 600001
    assert not gil.is_offered("carry-out", asked)


def test_a_double_click_asks_once(fay, wallet):
    page = fay.review("credit", wallet, amount="1000.01")

    for _ in range(2):
        fay.confirm(page)

    assert Approval.objects.count() == 1


@pytest.mark.parametrize(
    ("currency", "minor"), [("USD", 100000), ("JPY", 0), ("KWD", 0), ("EUR", 100000)]
)
def test_thresholds_are_per_currency_and_nothing_for_others(currency, minor):
    assert threshold(currency) == minor


def test_a_threshold_is_in_the_currencys_units(settings):
    settings.APPROVAL_THRESHOLDS = {"JPY": "50000", "KWD": "0.5", "*": "10"}

    assert [threshold(c) for c in ("JPY", "KWD", "CHF")] == [50000, 500, 1000]
