from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.progress import track

from charges import services
from partners import actors


class Command(BaseCommand):
    help = "Asks the processor about every unfinished charge now, and goes on with each."

    def handle(self, **options: Any) -> None:
        by = actors.command("recover_charges")
        states: Counter[str] = Counter()
        for charge_id in track(services.unfinished(), description="Charges"):
            charge = services.collect(charge_id=charge_id, by=by, now=timezone.now())
            states[charge.status] += 1
        summary = ", ".join(f"{count} {status}" for status, count in sorted(states.items()))
        self.stdout.write(f"{states.total()} unfinished charges: {summary or 'none'}.")
