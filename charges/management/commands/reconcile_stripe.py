from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from charges import services
from charges.comparison import Difference
from charges.gateway.client import NotExecuted, OutcomeUnknown
from charges.management.moments import moment_of
from foundation import actors


class Command(BaseCommand):
    help = (
        "Compares every intent, refund and dispute at Stripe with every card leg, refund and "
        "dispute here; exit 1 when they differ."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", help="only what was created from then on (ISO 8601)")
        parser.add_argument("--json", action="store_true", dest="as_json")
        parser.add_argument(
            "--fix-safe",
            action="store_true",
            help="settle here what Stripe's word alone decides; each repair is recorded",
        )

    def handle(self, *, since: str | None, as_json: bool, fix_safe: bool, **options: Any) -> None:
        moment = moment_of(since) if since else None
        try:
            report = self._reconcile(moment, fix_safe)
        except (NotExecuted, OutcomeUnknown) as error:
            raise CommandError(f"Stripe does not answer: {error}") from error
        if as_json:
            self.stdout.write(json.dumps(_shown(report), default=str))
        else:
            self._print(report)
        if not report.is_clean:
            sys.exit(1)

    def _reconcile(self, since: datetime | None, is_repairing: bool) -> services.Report:
        columns = (TextColumn("Compared"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=services.size(since=since))
            return services.reconcile(
                since=since,
                is_repairing=is_repairing,
                by=actors.command("reconcile_stripe"),
                now=timezone.now(),
                progress=lambda count: progress.advance(task, count),
            )

    def _print(self, report: services.Report) -> None:
        for difference in report.differences:
            self.stdout.write(_line(difference))
        self.stdout.write(
            f"Compared: {report.intents} intents, {report.refunds} refunds, {report.disputes} "
            f"disputes. "
            f"Differences: {len(report.differences) or 'none'}."
        )


def _line(difference: Difference) -> str:
    verdict = "repaired" if difference.is_repaired else "DIFFERS "
    about = difference.refund_id or difference.charge_id or "-"
    return (
        f"{verdict}  {difference.kind}: here {difference.here}, there {difference.there} "
        f"({about}, {difference.external_id or 'no id at Stripe'})"
    )


def _shown(report: services.Report) -> dict[str, Any]:
    return {
        "ok": report.is_clean,
        "intents": report.intents,
        "refunds": report.refunds,
        "disputes": report.disputes,
        "differences": [asdict(difference) for difference in report.differences],
    }
