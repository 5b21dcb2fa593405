"""From an order as asked for to its parts, shares and dates. Pure: the clock is a parameter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from charges import card_money, splits
from charges.splits import Instruction, Share
from installments import schedule
from installments.late_fees import LateFee
from installments.retries import Policy
from installments.schedule import Frequency, Part, Remainder
from wallets import money

MAX_YEARS = 100
TOO_FAR = f"Within {MAX_YEARS} years."


class ScheduleSumMismatch(Exception):
    """The schedule's amounts do not sum to the order's."""

    def __init__(self, total: int, amount: int, currency: str) -> None:
        have, want = money.to_decimal(total, currency), money.to_decimal(amount, currency)
        super().__init__(f"The schedule sums to {have}, the amount is {want} {currency}.")


class InvalidSchedule(Exception):
    """A word of the rule, or a date, does not fit the others; `field` says which."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code = field, code


class CardCurrencyUnsupported(Exception):
    """A card is named, and none can be charged in the currency."""

    field = "payment_method"
    code = "card_currency_unsupported"

    def __init__(self, currency: str) -> None:
        super().__init__(f"No card can be charged in {currency}.")


class CardAmountUnsupported(Exception):
    """A card is named that cannot pay the amount in `field` exactly."""

    code = "card_amount_unsupported"

    def __init__(self, field: str, currency: str) -> None:
        step = money.with_code(card_money.step(currency), currency)
        super().__init__(f"Cards take {currency} in steps of {step}.")
        self.field = field


@dataclass(frozen=True, slots=True)
class Rule:
    """Equal parts; amounts in minor units."""

    count: int
    frequency: Frequency = Frequency.MONTHLY
    interval: int = 1
    first_due_date: date | None = None
    down_payment: int = 0
    remainder: Remainder = Remainder.SPREAD
    installment_amount: int | None = None


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as asked for: a rule, or a list of parts."""

    customer_id: str
    amount: int
    currency: str
    plan: Rule | Sequence[Part]
    timezone: str = "UTC"
    due_hour: int = 9
    payment_method: str = ""
    split_instructions: Sequence[Instruction] = ()
    late_fee: LateFee | None = None
    auto_apply: bool = False
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is agreed on: the parts, the order's shares and each part's, how it is collected."""

    new: NewOrder
    policy: Policy
    parts: list[Part]
    shares: list[Share]
    part_shares: list[list[Share]]

    @property
    def hash(self) -> str:
        """Equal exactly when the same is agreed on, in whatever words: 64 hex digits."""
        new = self.new
        parts = [[part.amount, part.due_date.isoformat()] for part in self.parts]
        agreed = [
            new.customer_id,
            new.currency,
            new.timezone,
            new.due_hour,
            new.payment_method,
            new.late_fee,
            new.auto_apply,
            self.policy,
            parts,
            self.part_shares,
        ]
        return hashlib.sha256(json.dumps(agreed, sort_keys=True).encode()).hexdigest()


def plan(new: NewOrder, *, policy: Policy, now: datetime) -> Plan:
    """Raises InvalidSchedule, ScheduleSumMismatch, SplitExceedsAmount, CardCurrencyUnsupported,
    CardAmountUnsupported.
    """
    today = schedule.local_date(now, new.timezone)
    _check_size(new)
    if new.payment_method:
        check_card(new.currency, _amounts_asked(new))
    parts = _by_rule(new, new.plan, today) if isinstance(new.plan, Rule) else list(new.plan)
    _check_dates(parts, today, "first_due_date" if isinstance(new.plan, Rule) else "schedule")
    total = schedule.total(parts)
    if total != new.amount:
        raise ScheduleSumMismatch(total, new.amount, new.currency)
    shares = splits.resolve(new.split_instructions, new.amount, new.currency)
    part_shares = splits.allocate(shares, [part.amount for part in parts])
    return Plan(new, policy, parts, shares, part_shares)


def _check_size(new: NewOrder) -> None:
    """Each part is at least what a card can be charged in the currency."""
    least = card_money.minimum(new.currency)
    if isinstance(new.plan, Rule):
        rule = new.plan
        if rule.down_payment >= new.amount:
            text = "It is a part of the amount, and less."
            raise InvalidSchedule("down_payment", "down_payment_too_large", text)
        sizes = {
            "down_payment": rule.down_payment or least,
            "amount": (new.amount - rule.down_payment) // rule.count,
        }
    else:
        sizes = {f"schedule[{place}].amount": part.amount for place, part in enumerate(new.plan)}
    for name, size in sizes.items():
        if size < least:
            text = f"Each part is at least {money.with_code(least, new.currency)}."
            raise InvalidSchedule(name, "amount_too_small", text)


def check_card(currency: str, amounts: Iterable[tuple[str, int]]) -> None:
    """A card can pay each of the (field, minor units), as far as it is known before.

    Raises CardCurrencyUnsupported, CardAmountUnsupported.
    """
    if not card_money.is_supported(currency):
        raise CardCurrencyUnsupported(currency)
    for name, amount in amounts:
        if amount % card_money.step(currency):
            raise CardAmountUnsupported(name, currency)


def _amounts_asked(new: NewOrder) -> Iterator[tuple[str, int]]:
    """(field, minor units) of all that decides what the parts are."""
    yield "amount", new.amount
    if isinstance(new.plan, Rule):
        yield "down_payment", new.plan.down_payment
        yield "installment_amount", new.plan.installment_amount or 0
    else:
        for place, part in enumerate(new.plan):
            yield f"schedule[{place}].amount", part.amount


def check_due_date(day: date, today: date, field: str) -> None:
    """Raises InvalidSchedule for a date before today or too far ahead."""
    if day < today:
        raise InvalidSchedule(field, "date_in_past", f"Not before today, {today}.")
    if day.year >= today.year + MAX_YEARS:
        raise InvalidSchedule(field, "date_too_far", TOO_FAR)


def _by_rule(new: NewOrder, rule: Rule, today: date) -> list[Part]:
    rest = new.amount - rule.down_payment
    asked, step = rule.installment_amount, card_money.step(new.currency)
    if asked is not None and abs(asked * rule.count - rest) >= rule.count * step:
        raise InvalidSchedule(
            "installment_amount",
            "installment_amount_mismatch",
            "It does not agree with the amount and the count.",
        )
    if rule.first_due_date:
        check_due_date(rule.first_due_date, today, "first_due_date")
    amounts = schedule.amounts(rest, rule.count, rule.remainder, step)
    dates = schedule.dates(
        rule.first_due_date or today, rule.count + 1, rule.frequency, rule.interval
    )
    due = dates[:-1] if rule.first_due_date else dates[1:]
    parts = [Part(amount, day) for amount, day in zip(amounts, due, strict=True)]
    return [Part(rule.down_payment, today), *parts] if rule.down_payment else parts


def _check_dates(parts: Sequence[Part], today: date, field: str) -> None:
    dates = [part.due_date for part in parts]
    check_due_date(dates[0], today, field)
    check_due_date(dates[-1], today, field)
    if any(later <= earlier for earlier, later in pairwise(dates)):
        raise InvalidSchedule(field, "dates_not_increasing", "Due dates must strictly increase.")
