"""A part is announced three days before its due hour, once."""

from __future__ import annotations

from datetime import timedelta

from installments.tests import stories
from installments.tests.stories import at, event_types, parts

ONE = parts((5000, "03-10"))


def announced(order):
    return event_types(stories.part(order)).count("installment.due_soon")


def test_it_is_announced_three_days_before_once(agree):
    order = agree("ada", ONE)

    stories.sweep(at("03-07", hour=8, minute=59))
    before = announced(order)
    for minute in (0, 1, 2):
        stories.sweep(at("03-07", hour=9, minute=minute))

    assert (before, announced(order)) == (0, 1)


def test_what_is_due_today_is_collected_without_an_announcement(agree):
    order = agree("ada", parts((5000, "03-01")), now=at("03-01"))

    stories.sweep(at("03-01"))

    assert announced(order) == 0


def test_a_part_that_is_tried_again_is_not_announced(agree):
    order = agree("ada", ONE)
    stories.sweep(at("03-10"))

    stories.sweep(at("03-11", hour=2))

    assert announced(order) == 0


def test_a_rescheduled_part_is_announced_for_its_new_date(agree):
    order = agree("ada", ONE)
    stories.sweep(at("03-07"))
    stories.reschedule(stories.part(order), "2024-04-10", at("03-08"))

    stories.sweep(at("03-20"))
    between = announced(order)
    stories.sweep(at("04-08"))

    assert (between, announced(order)) == (1, 2)


def test_the_setting_says_how_long_before(agree, settings):
    settings.DUE_SOON = timedelta(days=1)
    order = agree("ada", ONE)

    stories.sweep(at("03-08"))
    before = announced(order)
    stories.sweep(at("03-09"))

    assert (before, announced(order)) == (0, 1)


def test_a_setting_of_nothing_announces_nothing(agree, settings):
    settings.DUE_SOON = timedelta(0)
    order = agree("ada", ONE)

    stories.sweep(at("03-10", hour=8))

    assert announced(order) == 0
