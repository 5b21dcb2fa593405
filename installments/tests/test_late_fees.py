"""Late fees: off unless agreed on, owed once a part, a line of their own in the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charges import services as charges
from installments import late_fees
from installments.late_fees import LateFee
from installments.tests import stories
from installments.tests.stories import BY, VISA, at, event_types, parts, revisions, statuses
from wallets.models import LedgerEntry, Wallet

TWO = parts((5000, "03-01"), (5000, "04-01"))
FIVE = LateFee(amount="5.00", percentage=None, grace_days=3, cap=None)
SPLIT = [{"recipient": "bob", "percentage": "10"}]


def percent(text, **more):
    return LateFee(amount=None, percentage=text, grace_days=0, cap=None) | more


def late_fee(order, number=1):
    return stories.part(order, number).late_fee


def posted(account):
    return sum(LedgerEntry.objects.filter(account=account).values_list("amount", flat=True))


def test_an_order_that_agreed_on_none_has_none(agree):
    order = agree("ada", TWO)

    assert stories.sweep(at("03-30")).late_fees == 0
    assert late_fee(order) == 0


def test_a_part_owes_the_fee_when_its_days_of_grace_are_over_once(agree):
    order = agree("ada", TWO, late_fee=FIVE, timezone="America/New_York")

    stories.sweep(at("03-05", hour=4, minute=59))
    before = late_fee(order)
    stories.sweep(at("03-05", hour=5, minute=0))
    stories.sweep(at("03-20"))

    assert (before, late_fee(order), late_fee(order, 2)) == (0, 500, 0)


def test_the_fee_is_a_revision_and_told(agree):
    order = agree("ada", TWO, late_fee=FIVE)

    stories.sweep(at("03-05"))

    fee = [{"installment_number": 1, "late_fee": "5.00"}]
    none = [{"installment_number": 1, "late_fee": "0.00"}]
    assert revisions(order) == [
        (1, "late_fee_added", {"installments": none}, {"installments": fee})
    ]
    assert event_types(order)[-1] == "installment_order.revised"


def test_a_fee_is_collected_with_its_part_into_an_account_of_its_own(agree, wallet):
    wallet("bob")
    order = agree("ada", TWO, late_fee=FIVE, split_instructions=SPLIT)
    stories.sweep(at("03-05"))
    wallet("ada", 5500)

    stories.process(stories.part(order), at("03-05"))

    (*_, charge) = stories.charges_of(order)
    assert (charge.amount, charge.late_fee, charge.revenue) == (5500, 500, 4500)
    assert (posted("late_fee"), posted("revenue")) == (500, 4500)
    assert Wallet.objects.get(customer_id="bob").balance == 500
    order.refresh_from_db()
    assert (order.amount_paid, order.amount_remaining) == (5000, 5000)


def test_fees_count_when_the_order_is_paid_off(agree, wallet):
    order = agree("ada", TWO, late_fee=FIVE)
    stories.sweep(at("03-05"))
    wallet("ada", 10_500)

    assert stories.pay_off(order, at("03-06")).status == "completed"
    assert posted("late_fee") == 500


def test_a_percentage_is_of_the_part_floored(agree):
    order = agree("ada", parts((3333, "03-01")), late_fee=percent("7.5"))

    stories.sweep(at("03-05"))

    assert late_fee(order) == 249


def test_all_fees_of_an_order_are_at_most_the_cap(agree):
    order = agree("ada", TWO, late_fee=percent("10", cap="7.50"))

    stories.sweep(at("05-01"))

    assert (late_fee(order), late_fee(order, 2)) == (500, 250)


def test_a_fee_is_floored_to_what_cards_take(agree, sandbox):
    order = agree(
        "ada", parts((10_000, "03-01")), currency="KWD", late_fee=percent("1.25"),
        payment_method="pm_card_chargeDeclined",
    )  # fmt: skip
    stories.sweep(at("03-01"))
    stories.collect_cards()

    stories.sweep(at("03-02", hour=1))

    assert late_fee(order) == 120


def test_a_paused_order_owes_no_fee(agree):
    order = agree("ada", TWO, late_fee=FIVE)
    stories.sweep(at("03-02"))
    stories.pause(order, at("03-03"))

    assert stories.sweep(at("04-30")).late_fees == 0
    assert late_fee(order) == 0


def test_a_rescheduled_part_keeps_its_fee_and_owes_no_second_one(agree):
    order = agree("ada", TWO, late_fee=FIVE)
    stories.sweep(at("03-05"))
    stories.reschedule(stories.part(order), "2024-03-10", at("03-06"))

    stories.sweep(at("03-30"))

    assert late_fee(order) == 500


def test_a_fee_waits_for_a_charge_under_way(agree, sandbox):
    order = agree("ada", TWO, late_fee=FIVE, payment_method="pm_card_chargeDeclined")
    stories.sweep(at("03-02"))
    stories.collect_cards()
    stories.sweep(at("03-04"))
    assert statuses(order)[0] == "processing"

    stories.sweep(at("03-05"))
    assert late_fee(order) == 0
    stories.collect_cards()
    stories.sweep(at("03-05"))

    assert late_fee(order) == 500


def refund(charge, amount, key):
    new = charges.NewRefund(amount=amount, idempotency_key=key, fingerprint="f")
    return charges.refund(charge_id=charge.id, new=new, by=BY, now=at("04-01")).refund


@pytest.mark.parametrize("card", ["", VISA])
def test_refunds_give_the_fee_back_in_proportion_and_exactly(agree, wallet, sandbox, card):
    wallet("bob")
    order = agree("ada", TWO[:1], late_fee=FIVE, split_instructions=SPLIT)
    stories.sweep(at("03-05"))
    wallet("ada", 0 if card else 5500)
    stories.change(order, at("03-06"), payment_method=card)
    stories.process(stories.part(order), at("03-06"))
    charge = stories.charges_of(order).get(status="succeeded")

    first = refund(charge, 1833, "a")
    assert (first.late_fee_reversed, posted("late_fee")) == (166, 500 - 166)
    refund(charge, None, "b")

    assert (posted("late_fee"), posted("revenue")) == (0, 0)
    assert Wallet.objects.get(customer_id="bob").balance == 0


@given(
    part=st.integers(1, 10**9),
    points=st.integers(1, 10_000),
    cap=st.integers(1, 10**6),
    so_far=st.integers(0, 10**6),
)
def test_a_fee_is_never_negative_and_never_passes_the_cap(part, points, cap, so_far):
    terms = percent(f"{points // 100}.{points % 100:02d}", cap=f"{cap}")

    fee = late_fees.of(terms, part, so_far=so_far, currency="JPY")

    assert 0 <= fee <= max(cap - so_far, 0)
    assert fee <= part


def agreed(api, **terms):
    return api.post(
        "/installments/orders",
        {"customer_id": "ada", "amount": "100.00", "installment_count": 2, "late_fee": terms},
    )


def test_partners_agree_on_a_fee_and_read_it(api):
    shown = agreed(api, percentage="5", grace_days=3, cap="20.00").json()

    assert shown["late_fee"] == {
        "amount": None, "percentage": "5", "grace_days": 3, "cap": "20.00",
    }  # fmt: skip
    assert shown["late_fees"] == "0.00"
    assert [part["late_fee"] for part in shown["installments"]] == ["0.00", "0.00"]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({}, "late_fee"),
        ({"amount": "5.00", "percentage": "5"}, "late_fee"),
        ({"percentage": "101"}, "late_fee.percentage"),
        ({"amount": "5.001"}, "late_fee.amount"),
        ({"amount": "5.00", "cap": "1.234"}, "late_fee.cap"),
        ({"amount": "5.00", "grace_days": 366}, "late_fee.grace_days"),
    ],
)
def test_terms_without_sense_name_their_field(api, terms, field):
    answer = agreed(api, **terms)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
