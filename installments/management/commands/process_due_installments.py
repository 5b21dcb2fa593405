from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from datetime import UTC
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from charges import services as charges
from foundation import actors
from installments import services
from installments.as_of import AsOf
from installments.forecast import Legs
from installments.models import Installment, InstallmentOrder
from wallets import money


class Command(BaseCommand):
    help = (
        "Collects every installment that is due: those that wallets cover set-based, then the "
        "cards. The same door as the beat task; safe to run at any time, any number at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of",
            metavar="D",
            help="a date (its end where each order lives) or a time with its offset; now",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="print who would pay what, how; charge nobody"
        )
        parser.add_argument(
            "--order",
            type=UUID,
            metavar="ID",
            help="only this order's parts; marks nothing overdue or defaulted",
        )
        parser.add_argument("--limit", type=_count, metavar="N", help="at most so many parts")

    def handle(
        self, *, as_of: str | None, dry_run: bool, order: UUID | None, limit: int | None, **_: Any
    ) -> None:
        by, started_at = actors.command("process_due_installments"), timezone.now()
        at = AsOf(started_at) if as_of is None else _as_of(as_of)
        if order and not InstallmentOrder.objects.filter(id=order).exists():
            raise CommandError(f"There is no order {order}.")
        if dry_run:
            self._show(at, order, limit)
            return
        due = _due(at, order, limit).count()
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            bar = progress.add_task("Installments", total=due)
            swept = services.sweep(
                as_of=at,
                by=by,
                now=started_at,
                order_id=order,
                limit=limit,
                progress=lambda count: progress.advance(bar, count),
            )
        if swept.processing:  # whatever a worker has not taken already
            charges.collect_due(by=by)
            if not order and limit is None:  # cards that declined may be late now
                swept = swept.plus(services.age(as_of=at, by=by, now=started_at))
        if as_of is None and order is None and limit is None:  # all that a beat would have done
            services.record_sweep(swept=swept, started_at=started_at, finished_at=timezone.now())
        self.stdout.write(
            f"{swept.collected} due as of {_said(at)}: {swept.paid} paid by wallet, "
            f"{swept.processing} sent to cards, {swept.failed} failed; "
            f"{swept.reminded} announced, {swept.overdue} became overdue, "
            f"{swept.late_fees} late fees, {swept.settled} settled from credits, "
            f"{swept.defaulted} orders defaulted; {swept.resting} rest after a failure."
        )

    def _show(self, at: AsOf, order: UUID | None, limit: int | None) -> None:
        totals: dict[str, Counter[str]] = {}
        for installment, legs in services.dry_run(
            as_of=at, now=timezone.now(), order_id=order, limit=limit
        ):
            sums = totals.setdefault(installment.currency, Counter())
            sums.update(wallet=legs.wallet, card=legs.card, short=legs.short)
            self.stdout.write(
                f"{installment.id}  order {installment.order_id} "
                f"no. {installment.installment_number}  "
                f"{installment.order.customer_id}  due {installment.due_date}  "
                f"{money.with_code(installment.owed, installment.currency)}: "
                f"{_how(installment, legs)}"
            )
        for currency, sums in totals.items():
            wallet, card, short = (
                money.to_decimal(sums[name], currency) for name in ("wallet", "card", "short")
            )
            self.stdout.write(
                f"Would take {wallet} {currency} from wallets, {card} from cards; "
                f"{short} could not be collected."
            )
        if not totals:
            self.stdout.write("Would collect nothing.")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ArgumentTypeError(f"{text!r} is not a number of installments.")
    return int(text)


def _due(at: AsOf, order: UUID | None, limit: int | None) -> Any:
    due = Installment.objects.due(at)
    return (due.filter(order_id=order) if order else due)[:limit]


def _how(installment: Installment, legs: Legs) -> str:
    ways = [(legs.wallet, "wallet"), (legs.card, f"card {legs.card_id}")]
    words = [
        f"{money.to_decimal(minor, installment.currency)} by {way}" for minor, way in ways if minor
    ]
    return " and ".join(words) or "neither wallet nor card covers it"


def _said(at: AsOf) -> str:
    return f"the end of {at.day}" if at.day else f"{at.moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _as_of(text: str) -> AsOf:
    try:
        return AsOf.read(text)
    except (ValueError, OverflowError) as error:
        raise CommandError(f"--as-of {text}: {error}") from error
