"""Any order of credits, debits, charges, faults, replays and sweeps keeps the books."""

from __future__ import annotations

import os
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from charges import services
from charges.models import Charge, Refund, RefundTo
from charges.tests.steps import (
    CARD,
    DECLINED,
    give_back,
    new_charge,
    paid_intents,
    returned_by_card,
)
from conftest import BY
from devstack.stripe_sandbox.client import SandboxControl
from foundation.idempotency import IdempotencyKeyReused
from partners import services as partners
from payments_project.invariants import prove
from wallets import services as wallets
from wallets.models import Wallet

AMOUNT = st.integers(50, 10_000)
CARDS = st.sampled_from(["", CARD, DECLINED])
FAULTS = st.sampled_from(["drop_before", "drop_after", "error_500_after", "rate_limit_429"])
SPLITS = st.sampled_from([[], [{"recipient": "bob", "percentage": "12.5"}]])
modest = settings(
    deadline=None, max_examples=8, stateful_step_count=15, suppress_health_check=list(HealthCheck)
)


class Books(RuleBasedStateMachine):
    """A fresh partner with two wallets; `balance` is what ada should have, `open` what waits."""

    def __init__(self):
        super().__init__()
        self.now = timezone.now() - timedelta(days=1)
        self.partner = partners.create_partner(name=uuid4().hex, now=self.now)
        for customer_id in ("ada", "bob"):
            wallets.create_wallet(
                partner_id=self.partner.id, customer_id=customer_id, currency="USD", now=self.now
            )
        self.sandbox = SandboxControl(os.environ["STRIPE_API_BASE"])
        self.balance, self.by_card = 0, 0
        self.asked, self.open, self.open_refunds = [], [], []

    @property
    def wallet(self):
        return Wallet.objects.get(partner=self.partner, customer_id="ada")

    @rule(amount=AMOUNT)
    def credit(self, amount):
        self.move(wallets.credit, amount)
        self.balance += amount

    @rule(amount=AMOUNT)
    def debit(self, amount):
        available = self.wallet.available
        try:
            self.move(wallets.debit, amount)
        except wallets.InsufficientFunds:
            assert amount > available
        else:
            assert amount <= available
            self.balance -= amount

    def move(self, door, amount):
        key = uuid4().hex
        movement = wallets.Movement("ada", amount, idempotency_key=key, fingerprint=key)
        door(partner_id=self.partner.id, movement=movement, by=BY, now=self.now)

    @rule(amount=AMOUNT, card=CARDS, split=SPLITS, use_wallet=st.booleans())
    def charge(self, amount, card, split, use_wallet):
        available = self.wallet.available if use_wallet else 0
        new = new_charge(
            amount, payment_method=card, split_instructions=split, use_wallet=use_wallet
        )

        made = self.create(new)

        is_paid = available >= amount or card == CARD
        assert made.status == ("succeeded" if is_paid else "failed")
        self.settled(made)

    @rule(amount=AMOUNT, action=FAULTS, call=st.sampled_from(["payment_intents$", "/confirm$"]))
    def charge_with_a_fault(self, amount, action, call):
        available = self.wallet.available
        self.sandbox.fault(action, path=call)

        made = self.create(new_charge(amount, payment_method=CARD))

        self.sandbox.clear_faults()
        assert (made.status == "succeeded") == (available >= amount)
        self.settled(made) if made.is_terminal else self.open.append(made.id)

    @rule(amount=AMOUNT)
    def charge_later(self, amount):
        made = self.create(new_charge(amount, payment_method=CARD), is_async=True)
        self.open.append(made.id)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def replay(self, data):
        new, made = data.draw(st.sampled_from(self.asked))

        again = services.create(partner_id=self.partner.id, new=new, by=BY, now=self.now)

        assert again.is_replay
        assert again.charge.id == made
        self.look_at_open()

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def replay_with_another_body(self, data):
        new, _ = data.draw(st.sampled_from(self.asked))
        other = new_charge(new.amount + 1, key=new.idempotency_key)
        object.__setattr__(other, "fingerprint", "another")

        with pytest.raises(IdempotencyKeyReused):
            services.create(partner_id=self.partner.id, new=other, by=BY, now=self.now)

    def refundable(self):
        made = Charge.objects.filter(partner=self.partner, status="succeeded")
        return [charge for charge in made if charge.amount_refunded < charge.amount]

    @precondition(lambda self: self.refundable())
    @rule(data=st.data(), to=st.sampled_from(RefundTo.values))
    def refund(self, data, to):
        charge = data.draw(st.sampled_from(self.refundable()))
        amount = data.draw(st.integers(1, charge.amount - charge.amount_refunded))
        try:
            made = give_back(charge.id, self.now, amount, refund_to=RefundTo(to))
        except services.RefundExceedsCharge:
            assert to == "card"
            return
        assert made.status == "succeeded"
        self.balance += made.wallet_amount

    @precondition(lambda self: self.refundable())
    @rule(data=st.data(), action=FAULTS)
    def refund_with_a_fault(self, data, action):
        charge = data.draw(st.sampled_from(self.refundable()))
        self.sandbox.fault(action, path="/v1/refunds$")

        made = give_back(charge.id, self.now)

        self.sandbox.clear_faults()
        if made.status == "succeeded":
            assert made.external_amount == 0
            self.balance += made.wallet_amount
        else:
            self.open_refunds.append(made.id)

    @rule()
    def sweep(self):
        services.collect_due(by=BY)
        services.complete_due_refunds(by=BY)
        self.look_at_open()
        for made in Refund.objects.filter(id__in=self.open_refunds):
            assert made.status == "succeeded"
            self.balance += made.wallet_amount
        self.open_refunds = []
        assert not self.open

    def create(self, new, *, is_async=False):
        made = services.create(
            partner_id=self.partner.id, new=new, is_async=is_async, by=BY, now=self.now
        ).charge
        self.asked.append((new, made.id))
        return made

    def look_at_open(self):
        for made in Charge.objects.filter(id__in=self.open):
            if made.is_terminal:
                self.open.remove(made.id)
                self.settled(made)

    def settled(self, made):
        if made.status == "succeeded":
            assert made.wallet_amount + made.external_amount == made.amount
            self.balance -= made.wallet_amount
            self.by_card += made.external_amount

    @invariant()
    def the_books_hold(self):
        assert not {f.invariant: f.rows for f in prove(self.partner.id) if f.rows}

    @invariant()
    def ada_has_what_she_should_have(self):
        assert self.wallet.balance == self.balance

    def teardown(self):
        self.sandbox.clear_faults()
        self.sweep()
        mine = Charge.objects.filter(partner=self.partner, external_amount__gt=0)
        succeeded = [c.external_amount for c in mine if c.status == "succeeded"]
        paid = [amount for c in mine for amount in paid_intents(c.id)]
        assert sorted(paid) == sorted(succeeded)
        assert sum(paid) == self.by_card
        refunds = Refund.objects.filter(partner=self.partner, external_amount__gt=0)
        returned = [amount for c in mine for amount in returned_by_card(c.id)]
        assert sorted(returned) == sorted(refunds.values_list("external_amount", flat=True))


def test_the_books_hold_whatever_the_order(committed, sandbox):
    run_state_machine_as_test(Books, settings=modest)
