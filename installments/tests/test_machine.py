"""Any mix of what can happen to an order keeps every invariant, and its money exact."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from charges import services as charges
from charges.services import ProcessorUnavailable
from charges.tests.steps import give_back
from devstack.stripe_sandbox.client import SandboxControl
from installments import services
from installments.models import CollectionPolicy, Installment, InstallmentOrder
from installments.planning import InvalidSchedule, NewOrder, Rule
from installments.schedule import Frequency
from installments.services import (
    REOPENABLE,
    ArrearsOwed,
    ChargeInProgress,
    InvalidTransition,
    OrderNotPastDue,
)
from installments.tests import stories
from installments.tests.stories import BY, VISA, at
from partners import services as partners
from payments_project import invariants
from wallets import services as wallets
from wallets.models import LedgerEntry

DECLINED = "pm_card_chargeDeclined"
LOST = "pm_card_chargeDeclinedLostCard"
REFUSALS = (
    InvalidTransition, InvalidSchedule, ChargeInProgress, ProcessorUnavailable, ArrearsOwed,
    OrderNotPastDue,
)  # fmt: skip
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "12"))
FEES = [
    None,
    {"amount": "3.00", "percentage": None, "grace_days": 1, "cap": "5.00"},
    {"amount": None, "percentage": "7.5", "grace_days": 0, "cap": None},
]


class OrderMachine(RuleBasedStateMachine):
    """One order of a fresh partner; its clock only goes forward."""

    @initialize(
        count=st.integers(1, 4),
        amount=st.integers(500, 30_000),
        card=st.sampled_from(["", VISA, DECLINED, LOST]),
        fee=st.sampled_from(FEES),
        share=st.sampled_from([None, "0.01", "33.33", "100"]),
        auto_apply=st.booleans(),
        offsets=st.sampled_from([[0], [0, 2], [0, 1, 3, 5, 7, 10, 14]]),
    )
    def agree(self, count, amount, card, fee, share, auto_apply, offsets):
        SandboxControl(os.environ["STRIPE_API_BASE"]).clear_faults()
        self.now = at("01-01")
        self.partner = partners.create_partner(name=uuid4().hex, now=self.now)
        for customer in ("ada", "bob"):
            wallets.create_wallet(
                partner_id=self.partner.id, customer_id=customer, currency="USD", now=self.now
            )
        CollectionPolicy.objects.create(
            partner=self.partner, name="short", offsets=offsets, default_after_days=5
        )
        plan = Rule(count=count, frequency=Frequency.WEEKLY, first_due_date=self.now.date())
        split = [{"recipient": "bob", "percentage": share}] if share else []
        new = NewOrder(
            "ada", amount, "USD", plan, split_instructions=split,
            payment_method=stories.saved_card(self.partner.id, "ada", card),
            late_fee=fee, auto_apply=auto_apply,
        )  # fmt: skip
        self.order = services.create_order(
            partner_id=self.partner.id, new=new, idempotency_key="k", fingerprint="f",
            activate=True, by=BY, now=self.now,
        ).order  # fmt: skip

    def attempt(self, act):
        with suppress(REFUSALS):  # a refusal changes nothing, which the invariants see
            act()

    def part(self, pick):
        return stories.part(self.order, pick % self.order.installment_count + 1)

    @rule(days=st.integers(0, 9), hours=st.integers(0, 23), cards=st.booleans())
    def time_passes(self, days, hours, cards):
        self.now += timedelta(days=days, hours=hours)
        stories.sweep(self.now)
        if cards:
            stories.collect_cards()

    @rule(amount=st.integers(1, 12_000))
    def credit(self, amount):
        movement = wallets.Movement("ada", amount, uuid4().hex, "")
        wallets.credit(partner_id=self.partner.id, movement=movement, by=BY, now=self.now)

    @rule(pick=st.integers(0, 3))
    def process(self, pick):
        self.attempt(lambda: stories.process(self.part(pick), self.now))

    @rule(pick=st.integers(0, 3), days=st.integers(0, 20))
    def reschedule(self, pick, days):
        day = (self.now + timedelta(days=days)).date().isoformat()
        self.attempt(lambda: stories.reschedule(self.part(pick), day, self.now))

    @rule(card=st.sampled_from(["", VISA, DECLINED, LOST]))
    def change(self, card):
        self.attempt(lambda: stories.change(self.order, self.now, payment_method=card))

    @rule()
    def pause(self):
        self.attempt(lambda: stories.pause(self.order, self.now))

    @rule(shift=st.booleans())
    def resume(self, shift):
        self.attempt(lambda: stories.resume(self.order, self.now, shift=shift))

    @rule()
    def pay_off(self):
        self.attempt(lambda: stories.pay_off(self.order, self.now))

    @rule()
    def reinstate(self):
        self.attempt(lambda: stories.reinstate(self.order, self.now))

    @rule(pick=st.integers(0, 3), days=st.integers(0, 20))
    def give_back_and_reopen(self, pick, days):
        part = self.part(pick)
        if part.status == "paid" and part.order.status in REOPENABLE:
            give_back(part.charge_id, self.now)
            day = (self.now + timedelta(days=days)).date().isoformat()
            stories.reopen(part, self.now, day if days else None)

    @rule(chance=st.integers(0, 5))
    def write_off(self, chance):
        if chance == 0:
            self.attempt(lambda: stories.write_off(self.order, self.now))

    @rule(chance=st.integers(0, 5))
    def cancel(self, chance):
        if chance == 0:
            self.attempt(lambda: stories.cancel(self.order, self.now))

    @invariant()
    def every_invariant_holds(self):
        if not hasattr(self, "order"):
            return
        proof = invariants.prove(partner_id=self.partner.id)
        assert not {finding.invariant: finding.rows for finding in proof if finding.rows}

    def teardown(self):
        if not hasattr(self, "order"):
            return
        for charge_id in charges.unfinished():
            charges.collect(charge_id=charge_id, by=BY, now=self.now)
        order = InstallmentOrder.objects.get(id=self.order.id)
        paid = Installment.objects.filter(order=order, status="paid")
        entries = LedgerEntry.objects.filter(transaction__partner=self.partner)
        fees = sum(entries.filter(account="late_fee").values_list("amount", flat=True))
        succeeded = stories.charges_of(order).filter(status="succeeded", reopened_at=None)
        assert order.amount_paid == sum(paid.values_list("amount", flat=True))
        assert fees == sum(paid.values_list("late_fee", flat=True))
        assert sum(succeeded.values_list("amount", flat=True)) == order.amount_paid + fees


@pytest.mark.usefixtures("committed", "sandbox")
def test_any_mix_keeps_the_books_straight():
    run_state_machine_as_test(
        OrderMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
