from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from installments import services
from installments.tests.stories import BY, at, new_order, saved_card
from partners import services as partner_services
from wallets import services as wallets
from wallets.models import Wallet


@pytest.fixture
def wallet(partner):
    """`wallet("ada", 10000)`: the customer's wallet with so many minor units more."""

    def fund(customer, amount=0, currency="USD"):
        wallet = Wallet.objects.filter(partner=partner, customer_id=customer).first()
        if wallet is None:
            wallet = wallets.create_wallet(
                partner_id=partner.id, customer_id=customer, currency=currency, now=at("01-01")
            )
        if amount:
            movement = wallets.Movement(customer, amount, uuid4().hex, "")
            wallets.credit(partner_id=partner.id, movement=movement, by=BY, now=at("01-01"))
        wallet.refresh_from_db()
        return wallet

    return fund


@pytest.fixture
def agree(partner):
    """`agree("ada", parts(…))`: an active order, agreed on at the start of 2024 unless said."""

    def make(customer, plan, *, now=None, activate=True, **more):
        if more.get("payment_method"):
            more["payment_method"] = saved_card(partner.id, customer, more["payment_method"])
        made = services.create_order(
            partner_id=partner.id,
            new=new_order(customer, plan, **more),
            idempotency_key=uuid4().hex,
            fingerprint="f",
            activate=activate,
            by=BY,
            now=now or at("01-01"),
        )
        return made.order

    return make


@pytest.fixture
def other_api(committed, make_api):
    """Another partner's client."""
    return make_api(partner_services.create_partner(name="Other", now=timezone.now()))
