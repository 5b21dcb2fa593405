from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.progress import track

from charges import services
from foundation import actors


class Command(BaseCommand):
    help = "Asks the processor about every unfinished charge and refund now, and resumes each."

    def handle(self, **options: Any) -> None:
        by = actors.command("recover_charges")
        self._recover(
            "charges",
            services.unfinished(),
            lambda id_: services.collect(charge_id=id_, by=by, now=timezone.now()).status,
        )
        self._recover(
            "refunds",
            services.unfinished_refunds(),
            lambda id_: services.complete_refund(refund_id=id_, by=by, now=timezone.now()).status,
        )
        if detached := services.detach_due():
            self.stdout.write(f"{detached} removed cards were to be detached at the processor.")

    def _recover(self, what: str, ids: Iterable[UUID], go_on: Callable[[UUID], str]) -> None:
        states = Counter(go_on(id_) for id_ in track(list(ids), description=what.capitalize()))
        summary = ", ".join(f"{count} {status}" for status, count in sorted(states.items()))
        self.stdout.write(f"{states.total()} unfinished {what}: {summary or 'none'}.")
