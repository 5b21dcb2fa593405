"""Partners in turn; who waits for an answer comes before what orders ask for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection, transaction

from charges.models import Charge
from charges.turns import Turns
from partners import services as partner_services


@pytest.fixture
def owes(committed, now):
    """`owes("Acme", 3)`: the partner has so many due charges."""
    partners = {}

    def owe(name, count, *, is_for_order=False):
        if name not in partners:
            partners[name] = partner_services.create_partner(name=name, now=now)
        for _ in range(count):
            Charge.objects.create(
                partner=partners[name],
                customer_id="ada",
                amount=100,
                currency="USD",
                status="pending",
                next_attempt_at=now,
                installment_order_id=uuid4() if is_for_order else None,
                actor="test",
                created_at=now,
                updated_at=now,
            )

    return owe


def names(turns, count, now):
    """Whose charges are taken, one after the other."""
    with transaction.atomic():
        taken = []
        for _ in range(count):
            charge = turns.next(now)
            taken.append(charge and charge.partner.name)
            if charge:
                Charge.objects.filter(id=charge.id).update(
                    next_attempt_at=None, needs_review="taken"
                )
        return taken


def test_a_large_book_keeps_nobody_waiting(owes, now):
    owes("Large", 20)
    owes("Small", 2)

    assert names(Turns(is_for_order=False), 4, now).count("Small") == 2


def test_everybody_has_a_turn_before_anybody_has_two(owes, now):
    for name in "abc":
        owes(name, 2)

    taken = names(Turns(is_for_order=False), 6, now)

    assert sorted(taken[:3]) == sorted(taken[3:]) == ["a", "b", "c"]


def test_whoever_has_nothing_left_is_passed_over(owes, now):
    owes("a", 1)
    owes("b", 3)

    assert names(Turns(is_for_order=False), 5, now)[2:] == ["b", "b", None]


def test_whoever_is_due_again_is_found_at_once(owes, now):
    owes("a", 1)
    turns = Turns(is_for_order=False)
    assert names(turns, 2, now) == ["a", None]

    owes("a", 1)

    assert names(turns, 1, now) == ["a"]


def test_each_queue_has_its_own(owes, now):
    owes("orders", 1, is_for_order=True)
    owes("requests", 1)

    assert names(Turns(is_for_order=True), 2, now) == ["orders", None]
    assert names(Turns(is_for_order=False), 2, now) == ["requests", None]


def test_what_others_have_locked_is_stepped_over(owes, now):
    owes("a", 1)

    with transaction.atomic():
        Charge.objects.select_for_update().get()
        with ThreadPoolExecutor(1) as elsewhere:
            assert elsewhere.submit(
                in_a_session, lambda: names(Turns(is_for_order=False), 1, now)
            ).result() == [None]


def in_a_session(work):
    try:
        return work()
    finally:
        connection.close()
