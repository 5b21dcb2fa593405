"""With `auto_apply` a credit pays late parts at once, the longest due first."""

from __future__ import annotations

import pytest

from installments import collection, services
from installments.late_fees import LateFee
from installments.models import Installment
from installments.tests import stories
from installments.tests.stories import VISA, at, parts, statuses
from wallets import ledger
from wallets.models import Wallet

THREE = parts((5000, "03-01"), (5000, "04-01"), (5000, "12-30"))
TRIES = ["03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"]


@pytest.fixture
def late(agree):
    """Two parts overdue, one due at the end of the year."""
    order = agree("ada", THREE, auto_apply=True)
    stories.sweep(at("03-02", hour=2))
    stories.sweep(at("04-02", hour=2))
    assert statuses(order) == ["overdue", "overdue", "pending"]
    return order


def test_a_credit_pays_what_it_covers_the_longest_due_first(late, wallet):
    ada = wallet("ada", 7000)

    assert statuses(late) == ["paid", "overdue", "pending"]
    assert ada.balance == 2000


def test_a_second_credit_pays_the_next(late, wallet):
    wallet("ada", 7000)
    ada = wallet("ada", 3000)

    assert statuses(late) == ["paid", "paid", "pending"]
    assert ada.balance == 0


def test_it_uses_up_no_try_and_asks_no_card(late, wallet, sandbox):
    stories.change(late, at("04-02"), payment_method=VISA)
    attempts = stories.part(late).attempts

    wallet("ada", 5000)

    assert stories.part(late).attempts == attempts
    assert sum(sandbox.summary()["payment_intents"].values()) == 0


def test_without_auto_apply_nothing_is_paid(agree, wallet):
    order = agree("ada", THREE)
    stories.sweep(at("03-02", hour=2))

    wallet("ada", 50_000)

    assert statuses(order)[0] == "overdue"


def test_a_part_that_is_not_late_is_left_to_its_date(agree, wallet):
    order = agree("ada", THREE, auto_apply=True)

    wallet("ada", 50_000)

    assert statuses(order) == ["pending"] * 3


def test_a_failed_part_is_paid_too_and_its_fee(agree, wallet):
    fee = LateFee(amount="5.00", percentage=None, grace_days=0, cap=None)
    order = agree("ada", THREE, auto_apply=True, late_fee=fee)
    for day in TRIES:
        stories.sweep(at(day))

    wallet("ada", 5499)
    before = statuses(order)[0]
    wallet("ada", 1)

    assert (before, statuses(order)[0]) == ("failed", "paid")


@pytest.mark.parametrize("state", ["paused", "canceled"])
def test_an_order_that_is_not_active_is_left_alone(late, wallet, state):
    (stories.pause if state == "paused" else stories.cancel)(late, at("04-02"))

    wallet("ada", 50_000)

    assert "paid" not in statuses(late)


def test_a_frozen_wallet_pays_nothing(late, wallet, api):
    wallet("ada")
    api.patch("/wallets/ada", {"is_active": False})

    wallet("ada", 50_000)

    assert statuses(late)[0] == "overdue"


def test_a_wallet_that_is_frozen_at_the_last_moment_pays_nothing_and_no_card_is_asked(
    late, wallet, sandbox, settings, monkeypatch
):
    settings.WALLET_CREDITED = "builtins.dict"
    wallet("ada", 5000)
    stories.change(late, at("04-02"), payment_method=VISA)
    claim = collection.claim

    def frozen_after(*arguments, **more):
        claimed = claim(*arguments, **more)
        Wallet.objects.filter(customer_id="ada").update(is_active=False)
        return claimed

    monkeypatch.setattr(collection, "claim", frozen_after)

    assert services.auto_apply(by=stories.BY, now=at("04-02")) == 0
    assert statuses(late)[0] == "overdue"


def test_a_credit_whose_settling_was_lost_is_made_good_by_the_sweep(late, wallet, settings):
    settings.WALLET_CREDITED = "builtins.dict"
    wallet("ada", 5000)
    assert statuses(late)[0] == "overdue"

    swept = stories.sweep(at("04-02", hour=3))

    assert (swept.settled, statuses(late)[0]) == (1, "paid")


def test_a_credit_stands_when_settling_breaks(late, wallet, settings, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no settling today")

    monkeypatch.setattr(ledger, "broken", broken, raising=False)
    settings.WALLET_CREDITED = "wallets.ledger.broken"

    assert wallet("ada", 5000).balance == 5000
    assert Installment.objects.filter(status="paid").count() == 0


def test_partners_ask_for_it_when_they_agree(api):
    body = {"customer_id": "ada", "amount": "100.00", "installment_count": 2, "auto_apply": True}

    assert api.post("/installments/orders", body).json()["auto_apply"] is True
