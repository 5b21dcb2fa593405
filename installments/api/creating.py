"""From the body of a request to an order as asked for, and a preview as it is shown."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from charges import splits
from charges.bodies import check_instruction_amounts
from charges.serializers import shown_shares
from foundation.wire.serializers import InstantField
from installments import planning, retries, schedule
from installments.late_fees import LateFee
from installments.schedule import Frequency, Part, Remainder
from installments.services import Preview
from wallets import money
from wallets.fields import minor_units

INSTANT = InstantField()


def new_order(body: dict[str, Any]) -> planning.NewOrder:
    """The order of a validated OrderBody, whose other words are taken out before.

    Raises ValidationError on amounts that the currency cannot have.
    """
    currency = body["currency"]
    body["amount"] = minor_units(body["amount"], currency)
    body.setdefault("due_hour", settings.INSTALLMENT_DUE_HOUR)
    check_instruction_amounts(body["split_instructions"], currency)
    body["late_fee"] = _late_fee(body.get("late_fee"), currency)
    parts = body.pop("schedule", None)
    rule = _rule(body, currency)
    return planning.NewOrder(plan=rule if parts is None else _parts(parts, currency), **body)


def _rule(body: dict[str, Any], currency: str) -> planning.Rule:
    """Takes the words of the rule out of the body."""
    down_payment = body.pop("down_payment", None)
    asked = body.pop("installment_amount", None)
    return planning.Rule(
        count=body.pop("installment_count", 0),
        frequency=Frequency(body.pop("frequency", Frequency.MONTHLY)),
        interval=body.pop("interval", 1),
        first_due_date=body.pop("first_due_date", None),
        down_payment=minor_units(down_payment, currency, "down_payment")
        if down_payment is not None
        else 0,
        remainder=Remainder(body.pop("remainder", Remainder.SPREAD)),
        installment_amount=minor_units(asked, currency, "installment_amount")
        if asked is not None
        else None,
    )


def _parts(parts: list[dict[str, Any]], currency: str) -> list[Part]:
    return [
        Part(minor_units(part["amount"], currency, f"schedule[{place}].amount"), part["due_date"])
        for place, part in enumerate(parts)
    ]


def _late_fee(terms: dict[str, Any] | None, currency: str) -> LateFee | None:
    if terms is None:
        return None

    def amount(name: str) -> str | None:
        if name not in terms:
            return None
        return money.to_decimal(minor_units(terms[name], currency, f"late_fee.{name}"), currency)

    percentage = terms.get("percentage")
    return LateFee(
        amount=amount("amount"),
        percentage=percentage and splits.percentage_text(splits.basis_points(percentage)),
        grace_days=terms["grace_days"],
        cap=amount("cap"),
    )


def shown(preview: Preview) -> dict[str, Any]:
    """The preview in the words of PreviewResource."""
    plan, currency = preview.plan, preview.plan.new.currency
    legs = preview.legs
    totals = [
        sum(leg.wallet for leg in legs),
        sum(leg.card for leg in legs),
        sum(leg.short for leg in legs),
    ]
    return {
        "installments": [_part(preview, place) for place in range(len(plan.parts))],
        "split_shares": shown_shares(plan.shares, currency),
        "retry_dates": [
            {
                "installment_number": number,
                "dates": [
                    day.isoformat() for day in retries.retry_dates(plan.policy, part.due_date)
                ],
            }
            for number, part in enumerate(plan.parts, 1)
        ],
        "funding": {
            "wallet_available": money.to_decimal(preview.available, currency),
            **_funding(totals, currency),
        },
        "preview_hash": plan.hash,
    }


def _part(preview: Preview, place: int) -> dict[str, Any]:
    plan, new = preview.plan, preview.plan.new
    part, legs = plan.parts[place], preview.legs[place]
    return {
        "installment_number": place + 1,
        "amount": money.to_decimal(part.amount, new.currency),
        "due_date": part.due_date.isoformat(),
        "due_at": INSTANT.to_representation(
            schedule.moment(part.due_date, new.due_hour, new.timezone)
        ),
        "split_shares": shown_shares(plan.part_shares[place], new.currency),
        **_funding(legs[:3], new.currency),
    }


def _funding(amounts: Any, currency: str) -> dict[str, str]:
    names = ("wallet_amount", "external_amount", "shortfall")
    return {
        name: money.to_decimal(minor, currency) for name, minor in zip(names, amounts, strict=True)
    }
