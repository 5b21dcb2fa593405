"""What staff do: shown before, done once, on record."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from charges.models import Charge, Refund
from charges.tests.steps import create, give_back
from conftest import BY
from installments import services as installments
from installments.as_of import AsOf
from installments.models import Installment, InstallmentOrder
from partners.models import ApiKey
from staff.models import AuditEntry
from staff.tests.conftest import hidden, path_of, said, text
from wallets.models import LedgerEntry, LedgerTransaction, Wallet
from webhooks.models import Delivery, Event

NOBODY = "http://127.0.0.1:9/hooks"


def trail():
    entries = AuditEntry.objects.exclude(action="log-in").order_by("id")
    return [(entry.action, entry.actor, entry.outcome) for entry in entries]


def shown_entries(page):
    """(account, amount) of each line that the page announces."""
    return [(row[0], row[2]) for row in page.context["table"]["rows"]]


def posted(transaction):
    return list(transaction.entries.order_by("id").values_list("account", "amount"))


@pytest.fixture
def order(api, wallet):
    """Three parts of 100.00, the first one due in ten days."""
    first = (timezone.now() + timedelta(days=10)).date().isoformat()
    body = {"customer_id": "ada", "amount": "300.00", "installment_count": 3}
    api.post("/installments/orders", {**body, "first_due_date": first, "frequency": "monthly"})
    return InstallmentOrder.objects.get()


@pytest.fixture
def defaulted(api, partner, order):
    """None of its parts was paid, for the wallet was empty; parts 1 and 2 are late."""
    api.post("/wallets/ada/debit", {"amount": "5000.00"})
    for days in (10, 11, 13, 15, 17, 20, 24, 60):
        now = timezone.now() + timedelta(days=days)
        installments.sweep(as_of=AsOf(now), by=BY, now=now)
    order.refresh_from_db()
    return order


# Wallets -----------------------------------------------------------------------------------------


def test_a_credit_shows_its_entries_before_and_posts_exactly_them(fay, wallet):
    page = fay.review("credit", wallet, amount="1,000.00", reason="Goodwill.")
    announced = shown_entries(page)
    before = LedgerTransaction.objects.count()

    answer = fay.confirm(page)

    assert announced == [("wallet", "$1,000.00"), ("funding", "-$1,000.00")]
    assert LedgerTransaction.objects.count() == before + 1
    made = LedgerTransaction.objects.latest("id")
    assert posted(made) == [("wallet", 100000), ("funding", -100000)]
    assert (made.actor, made.description) == ("staff:fay", "Goodwill.")
    assert "The balance is 6000.00 USD." in said(answer)[0]


def test_looking_at_it_posts_nothing_and_tells_nobody(fay, wallet):
    before = (LedgerEntry.objects.count(), Event.objects.count(), Wallet.objects.get().balance)

    fay.review("credit", wallet, amount="10.00")

    assert (LedgerEntry.objects.count(), Event.objects.count()) == before[:2]
    assert Wallet.objects.get().balance == before[2]
    assert trail() == []


def test_it_is_on_record_with_who_why_before_and_after(fay, wallet):
    fay.act("credit", wallet, amount="10.00", reason="Goodwill.")

    entry = AuditEntry.objects.get(action="credit")
    assert (entry.actor, entry.reason, entry.outcome) == ("staff:fay", "Goodwill.", "done")
    assert (entry.model, entry.object_id) == ("wallets.wallet", str(wallet.pk))
    assert (entry.before["balance"], entry.after["balance"]) == ("5000.00", "5010.00")
    assert entry.parameters["amount"] == "10.00"
    assert entry.summary == "Credit 10.00 USD to ada (USD)"


def test_a_double_click_credits_once(fay, wallet):
    page = fay.review("credit", wallet, amount="10.00")

    answers = [fay.confirm(page) for _ in range(2)]

    assert Wallet.objects.get().balance == 501000
    assert all("The balance is 5010.00 USD." in said(answer)[0] for answer in answers)
    assert len(trail()) == 1


def test_clicks_at_once_credit_once(fay, wallet):
    page = fay.review("credit", wallet, amount="10.00")
    form, path = hidden(page), path_of("credit", wallet)
    barrier = threading.Barrier(4)

    def click():
        try:
            barrier.wait()
            fay.post(path, **form)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()

    assert Wallet.objects.get().balance == 501000
    assert len(trail()) == 1


def test_what_changed_since_it_was_shown_is_shown_again(fay, wallet, api):
    page = fay.review("debit", wallet, amount="10.00", reference="")
    api.post("/wallets/ada/debit", {"amount": "1000.00"})

    again = fay.confirm(page)

    assert "It has changed since you looked" in text(again)
    assert Wallet.objects.get().balance == 400000
    assert "The balance is 3990.00 USD." in said(fay.confirm(again))[0]


@pytest.mark.parametrize(
    "amount", ["", "0", "-5", "1e3", "10.001", "NaN", "9" * 20, "ten", "٣", "10,50", "1,0000", ",5"]
)
def test_an_amount_without_sense_is_refused_in_words(fay, wallet, amount):
    page = fay.review("credit", wallet, amount=amount)

    assert page.context["form"].errors["amount"]
    assert Wallet.objects.get().balance == 500000


def test_nothing_is_done_without_a_reason(fay, wallet):
    page = fay.review("credit", wallet, amount="10.00", reason=" ")

    assert page.context["form"].errors["reason"]


def test_more_than_there_is_is_refused_before_it_is_confirmed(fay, wallet):
    page = fay.review("debit", wallet, amount="5000.01")

    assert "5000.01 USD was asked for, 5000.00 is available." in text(page)


def test_a_reference_that_exists_is_refused_in_words(fay, wallet):
    fay.act("credit", wallet, amount="1.00", reference="r1")

    page = fay.review("credit", wallet, amount="1.00", reference="r1")

    assert "reference" in str(page.context["form"].non_field_errors())


def test_a_frozen_wallet_takes_no_debit_until_it_is_unfrozen(fay, wallet, api):
    fay.act("freeze", wallet)
    assert api.post("/wallets/ada/debit", {"amount": "1.00"}).status_code == 422
    assert not fay.is_offered("freeze", wallet)
    assert not fay.is_offered("debit", wallet)

    fay.act("unfreeze", wallet)

    assert api.post("/wallets/ada/debit", {"amount": "1.00"}).status_code == 201
    assert [action for action, *_ in trail()] == ["freeze", "unfreeze"]


# Charges -----------------------------------------------------------------------------------------


def test_a_refund_shows_the_entries_of_all_legs_and_posts_exactly_them(fay, charge):
    page = fay.review("refund", charge, amount="120.00", refund_to="auto", reason="Broken.")
    announced = shown_entries(page)

    fay.confirm(page)

    assert Refund.objects.get().status == "succeeded"
    made = LedgerTransaction.objects.get(refund_id=Refund.objects.get().id)
    lines = [(account, amount) for account, amount in posted(made)]
    assert lines == [("card", 10000), ("wallet", 2000), ("wallet", -1200), ("revenue", -10800)]
    assert announced == [
        ("card", "$100.00"), ("wallet", "$20.00"), ("wallet", "-$12.00"),
        ("revenue", "-$108.00"),
    ]  # fmt: skip
    assert made.actor == "staff:fay"


def test_a_refund_begins_with_all_that_is_left(fay, charge):
    fay.act("refund", charge, amount="120.00", refund_to="auto")

    page = fay.get(path_of("refund", charge))

    assert page.context["form"]["amount"].value() == "30.00"


def test_two_people_at_once_refund_no_more_than_there_is(fay, gil, charge):
    pages = [
        person.review("refund", charge, amount="100.00", refund_to="auto") for person in (fay, gil)
    ]

    fay.confirm(pages[0])
    second = gil.confirm(pages[1])

    assert "30.00" in text(second) or "50.00 USD of the charge" in text(second)
    assert Refund.objects.count() == 1


def test_a_charge_that_waits_for_its_cardholder_is_canceled(fay, partner, wallet, sandbox, now):
    made = create(partner, now, payment_method="pm_card_authenticationRequired", amount=600000)
    assert made.status == "requires_action"

    fay.act("cancel-charge", made)

    assert Charge.objects.get().status == "canceled"
    assert not fay.is_offered("refund", made)


@pytest.fixture
def differing(partner, sandbox, now):
    """A charge that waits for staff: the processor shows another amount."""
    sandbox.fault("wrong_amount", path="/confirm")
    return create(partner, now)


def test_staff_resolve_what_needs_a_review(fay, differing):
    page = fay.review("resolve-charge", differing, outcome="succeeded", reason="Seen at Stripe.")
    announced = shown_entries(page)

    answer = fay.confirm(page)

    assert announced == [("card", "-$100.00"), ("revenue", "$100.00")]
    assert "Decided: it is succeeded." in said(answer)[0]
    assert "Decided on the charge by staff:fay: succeeded. Seen at Stripe." in text(answer)
    assert not fay.is_offered("resolve-charge", differing)


@pytest.mark.parametrize("words", [{"outcome": ""}, {"outcome": "paid"}])
def test_a_decision_needs_an_outcome(fay, differing, words):
    page = fay.review("resolve-charge", differing, **words)

    assert page.context["form"].errors["outcome"]
    assert Charge.objects.get().status == "unknown"


def test_a_decision_that_the_processor_contradicts_is_refused_and_on_record(
    fay, partner, sandbox, now
):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now)
    Charge.objects.filter(id=made.id).update(needs_review="It differs.")

    answer = fay.act("resolve-charge", made, outcome="failed")

    assert "The processor contradicts" in said(answer)[0]
    assert trail() == [("resolve-charge", "staff:fay", "refused")]
    assert Charge.objects.get().status == "unknown"


def test_staff_acknowledge_what_was_flagged_after_the_end(fay, charge):
    assert not fay.is_offered("acknowledge", charge)
    Charge.objects.update(needs_review="Odd.")

    fay.act("acknowledge", charge, reason="Paid back by hand.")

    assert Charge.objects.get().needs_review == ""


def test_staff_resolve_a_refund(fay, partner, sandbox, now):
    made = create(partner, now)
    sandbox.fault("wrong_amount", path="/v1/refunds$")
    row = give_back(made.id, now, 1000)

    page = fay.review("resolve-refund", row, outcome="succeeded")
    fay.confirm(page)

    assert shown_entries(page) == [("card", "$10.00"), ("revenue", "-$10.00")]
    assert Refund.objects.get().status == "succeeded"


# Orders ------------------------------------------------------------------------------------------


def test_an_order_is_paused_resumed_and_canceled(fay, order):
    def status():
        order.refresh_from_db()
        return order.status

    fay.act("pause", order)
    paused = status()
    fay.act("resume", order, dates="shifted")
    resumed = status()
    fay.act("cancel-order", order)

    assert (paused, resumed, status()) == ("paused", "active", "canceled")
    assert not fay.is_offered("resume", order)
    assert [(action, outcome) for action, _, outcome in trail()] == [
        ("pause", "done"), ("resume", "done"), ("cancel-order", "done"),
    ]  # fmt: skip


def test_a_defaulted_order_is_cured_part_by_part(fay, defaulted, api):
    refused = fay.review("reinstate", defaulted)
    api.post("/wallets/ada/credit", {"amount": "200.00"})
    for number in (1, 2):
        fay.act("collect", defaulted.installments.get(installment_number=number))

    page = fay.review("reinstate", defaulted)
    answer = fay.confirm(page)

    owed = "200.00 USD is still owed: part 1 of 100.00 USD; part 2 of 100.00 USD."
    assert owed in text(refused)
    assert "Part 3: 100.00 USD, due on" in text(page)
    assert "The order is active again." in said(answer)[0]
    defaulted.refresh_from_db()
    assert defaulted.status == "active"
    assert not fay.is_offered("reinstate", defaulted)
    entry = AuditEntry.objects.get(action="reinstate")
    assert (entry.before["status"], entry.after["status"]) == ("defaulted", "active")


def test_what_is_unpaid_is_written_off_and_the_page_says_how_much(fay, defaulted):
    page = fay.review("write-off", defaulted, reason="Bankrupt.")

    answer = fay.confirm(page)

    assert "Given up: 300.00 USD" in text(page)
    assert "300.00 USD is written off." in said(answer)[0]
    assert "$300.00" in text(answer)
    assert AuditEntry.objects.get(action="write-off").after["amount_written_off"] == "300.00"
    listed = fay.get("/admin/installments/installmentorder/", status__exact="written_off")
    assert str(defaulted.pk)[:8] in text(listed)
    assert not fay.is_offered("write-off", defaulted)


def test_a_part_whose_money_went_back_is_reopened(fay, order):
    part = order.installments.get(installment_number=1)
    fay.act("collect", part)
    assert not fay.is_offered("reopen", part)
    part.refresh_from_db()
    fay.act("refund", part.charge, amount="100.00", refund_to="auto")

    page = fay.review("reopen", part, due_date="")
    answer = fay.confirm(page)

    assert "Part 1: 100.00 USD" in text(page)
    assert "The part is pending and due on" in said(answer)[0]
    part.refresh_from_db()
    assert (part.status, part.charge) == ("pending", None)


def test_support_cures_nothing(person, defaulted):
    sue = person("sue", "support")

    for name in ("reinstate", "write-off"):
        assert not sue.is_offered(name, defaulted)
        assert sue.get(path_of(name, defaulted)).status_code == 403


def test_a_part_is_collected_now_with_the_entries_that_were_shown(fay, order):
    part = order.installments.first()
    page = fay.review("collect", part)
    announced = shown_entries(page)

    fay.confirm(page)

    part.refresh_from_db()
    assert part.status == "paid"
    assert announced == [("wallet", "-$100.00"), ("revenue", "$100.00")]
    assert posted(LedgerTransaction.objects.get(charge_id=part.charge_id)) == [
        ("wallet", -10000), ("revenue", 10000),
    ]  # fmt: skip


def test_a_part_by_card_is_rehearsed_without_asking_the_processor(fay, order, sandbox, api):
    api.post("/wallets/ada/debit", {"amount": "4960.00"})
    api.post("/payment-methods", {"customer_id": "ada", "payment_method": "pm_card_visa"})

    page = fay.review("collect", order.installments.first())

    assert shown_entries(page) == [
        ("wallet", "-$40.00"), ("card", "-$60.00"), ("revenue", "$100.00"),
    ]  # fmt: skip
    assert not Charge.objects.exists()
    assert sandbox.summary()["payment_intents"] == {}


def test_a_part_is_moved_to_another_day(fay, order):
    part = order.installments.first()
    day = part.due_date + timedelta(days=3)

    fay.act("reschedule", part, due_date=day.isoformat())

    assert Installment.objects.get(id=part.id).due_date == day
    assert AuditEntry.objects.get(action="reschedule").after["due_date"] == day.isoformat()


@pytest.mark.parametrize("day", ["", "soon", "2020-01-01", "0000-00-00", "9999-12-31"])
def test_a_day_without_sense_is_refused_before_it_is_confirmed(fay, order, day):
    part = order.installments.first()

    answer = fay.review("reschedule", part, due_date=day)

    assert "table" not in answer.context
    assert answer.context["form"].errors
    assert Installment.objects.get(id=part.id).due_date == part.due_date > date(2020, 1, 1)


def test_a_part_that_nobody_can_pay_says_so_before_and_after(fay, order, api):
    api.post("/wallets/ada/debit", {"amount": "5000.00"})
    page = fay.review("collect", order.installments.first())

    answer = fay.confirm(page)

    assert "Neither the wallet nor a card covers it now" in text(page)
    assert "It was not paid (insufficient_funds)" in said(answer)[0]


# Deliveries and keys -----------------------------------------------------------------------------


def test_a_delivery_is_replayed(fay, api, wallet):
    api.post("/webhooks/endpoints", {"url": NOBODY})
    api.post("/wallets/ada/credit", {"amount": "1.00"})
    Delivery.objects.update(status="exhausted", next_attempt_at=None)
    row = Delivery.objects.get()

    fay.act("replay", row)

    row.refresh_from_db()
    assert (row.status, row.next_attempt_at is not None) == ("pending", True)


def test_a_key_is_revoked_at_once(root, api):
    assert api.get("/wallets").status_code == 200

    root.act("revoke-key", ApiKey.objects.get())

    assert api.get("/wallets").status_code == 401


def test_a_rotated_key_opens_for_a_day_more_beside_the_new_one(root, api):
    old = ApiKey.objects.get()

    answer = root.act("rotate-key", old)

    told = said(answer)[1]
    old_key, api.key = api.key, told.rpartition(" ")[2]
    assert api.get("/wallets").status_code == 200
    assert api.key not in str(AuditEntry.objects.values())
    api.key = old_key
    assert api.get("/wallets").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=30)):
        assert api.get("/wallets").status_code == 401


def test_a_key_is_rotated_once_by_a_double_click(root, api):
    page = root.review("rotate-key", ApiKey.objects.get())

    for _ in range(2):
        root.confirm(page)

    assert ApiKey.objects.count() == 2


# All of them -------------------------------------------------------------------------------------


def test_an_unknown_action_or_row_is_not_found(fay, wallet):
    assert fay.get(f"/admin/act/explode/{wallet.pk}").status_code == 404
    assert fay.get(f"/admin/act/credit/{uuid4()}").status_code == 404
    assert fay.get(f"/admin/act/refund/{wallet.pk}").status_code == 404


def test_the_token_of_one_page_does_nothing_on_another(fay, wallet):
    page = fay.review("credit", wallet, amount="10.00")
    fay.confirm(page)

    answer = fay.post(path_of("debit", wallet), **hidden(page))

    assert "used for something else" in said(fay.get(answer["Location"]))[0]
    assert Wallet.objects.get().balance == 501000


def test_the_token_of_a_page_does_nothing_with_other_words(fay, wallet):
    page = fay.review("credit", wallet, amount="10.00")
    fay.confirm(page)

    answer = fay.confirm(page, amount="999.00")

    assert "used for something else" in said(answer)[0]
    assert Wallet.objects.get().balance == 501000


def test_going_back_and_reviewing_other_words_is_another_deed(fay, wallet):
    fay.confirm(fay.review("credit", wallet, amount="10.00"))

    fay.confirm(fay.review("credit", wallet, amount="999.00"))

    assert Wallet.objects.get().balance == 600900
    assert len(trail()) == 2


def test_nobody_goes_on_with_what_another_person_began(fay, gil, wallet, monkeypatch):
    page = fay.review("credit", wallet, amount="10.00")

    def crash(*args, **kwargs):
        raise SystemError("the machine is gone")

    with monkeypatch.context() as patched:
        patched.setattr("staff.actions.wallets.services.credit", crash)
        fay.post(path_of("credit", wallet), **hidden(page))
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        answer = gil.confirm(page)

    assert "used for something else" in said(answer)[0]
    assert Wallet.objects.get().balance == 500000


def test_a_busy_wallet_can_be_frozen(fay, wallet, api):
    page = fay.review("freeze", wallet)
    api.post("/wallets/ada/credit", {"amount": "1.00"})

    fay.confirm(page)

    assert not Wallet.objects.get().is_active


def test_what_is_acknowledged_was_read(fay, charge):
    Charge.objects.update(needs_review="The bank said otherwise.")
    page = fay.review("acknowledge", charge)
    Charge.objects.update(needs_review="Something new.")

    again = fay.confirm(page)

    assert "The bank said otherwise." in text(page)
    assert "Something new." in text(again)
    assert Charge.objects.get().needs_review == "Something new."


def test_a_partners_keys_do_not_stand_in_the_way_of_staff(fay, api, charge):
    api.post(f"/charges/{charge.pk}/refunds", {"amount": "1.00"}, key="rehearsal")

    fay.act("refund", charge, amount="2.00", refund_to="auto")

    assert Refund.objects.count() == 2


def test_a_key_is_not_rotated_while_it_ends(root, api):
    key = ApiKey.objects.get()
    root.act("rotate-key", key)

    answer = root.act("rotate-key", key)

    assert "ends within a day" in said(answer)[0]
    assert ApiKey.objects.count() == 2


def test_what_makes_no_sense_any_more_leads_back(fay, wallet):
    page = fay.review("freeze", wallet)
    Wallet.objects.update(is_active=False)

    answer = fay.confirm(page)

    assert "no longer applies" in said(answer)[0]
    assert trail() == []


def cut_off_after_the_deed(browser, page, monkeypatch):
    """The door was called, then the machine was gone; later the page is confirmed again."""

    def crash(*args, **kwargs):
        raise SystemError("the machine is gone")

    with monkeypatch.context() as patched:
        patched.setattr("staff.services._end", crash)
        path = page.request["PATH_INFO"]
        assert browser.post(path, **hidden(page)).status_code == 500
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        browser.confirm(page)


def test_a_credit_that_was_cut_off_after_the_deed_is_not_done_again(fay, wallet, monkeypatch):
    page = fay.review("credit", wallet, amount="10.00")

    cut_off_after_the_deed(fay, page, monkeypatch)

    assert Wallet.objects.get().balance == 501000
    assert trail() == [("credit", "staff:fay", "done")]


def test_a_refund_that_was_cut_off_after_the_deed_is_not_done_again(fay, charge, monkeypatch):
    page = fay.review("refund", charge, amount="20.00", refund_to="auto")

    cut_off_after_the_deed(fay, page, monkeypatch)

    assert [refund.amount for refund in Refund.objects.all()] == [2000]
    assert trail() == [("refund", "staff:fay", "done")]


def test_what_was_begun_and_cut_off_is_done_by_the_same_page_later(fay, wallet, monkeypatch):
    page = fay.review("credit", wallet, amount="10.00")

    def crash(*args, **kwargs):
        raise SystemError("the machine is gone")

    with monkeypatch.context() as patched:
        patched.setattr("staff.actions.wallets.services.credit", crash)
        assert fay.post(path_of("credit", wallet), **hidden(page)).status_code == 500
    begun = trail()
    soon = fay.confirm(page)
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        fay.confirm(page)

    assert begun == [("credit", "staff:fay", "begun")]
    assert "being carried out" in said(soon)[0]
    assert Wallet.objects.get().balance == 501000
    assert trail() == [("credit", "staff:fay", "done")]
