from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from charges import services
from charges.management.moments import moment_of
from foundation import actors


class Command(BaseCommand):
    help = (
        "Reads Stripe's list of events now, stores those that no callback told us and processes "
        "all that wait; exit 1 when some were too old to be listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            help="from then on (ISO 8601, 30 days back at most), not only what is new to us",
        )

    def handle(self, *, since: str | None, **options: Any) -> None:
        try:
            read = self._read(moment_of(since) if since else None)
        except services.ProcessorUnavailable as error:
            raise CommandError("Stripe does not answer; what was read is kept. Retry.") from error
        tried = services.process_events(by=actors.command("sync_stripe_events"))
        self.stdout.write(
            f"Stripe lists {read.listed} events; {read.missed} of them no callback had told us. "
            f"Worked off: {tried}."
        )
        if read.lost_since:
            self.stderr.write(
                f"Stripe lists 30 days, and we read last at {read.lost_since:%Y-%m-%d %H:%M} UTC. "
                "Of what happened between, only reconcile_stripe can tell."
            )
            sys.exit(1)

    def _read(self, since: datetime | None) -> services.Synced:
        """All that there is to read, with its progress on a terminal."""
        columns = (TextColumn("Events"), MofNCompleteColumn(), TimeElapsedColumn())
        total = services.Synced()
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None)
            is_complete = False
            while not is_complete:
                read = services.sync_events(
                    since=since,
                    now=timezone.now(),
                    progress=lambda count: progress.advance(task, count),
                )
                since, is_complete = None, read.is_complete
                total.listed += read.listed
                total.missed += read.missed
                total.lost_since = total.lost_since or read.lost_since
        return total
