from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from charges import timeline
from charges.models import Charge


class Command(BaseCommand):
    help = "Why a charge is what it is: every fact about it, in order."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("charge", help="its id, or its pi_… at Stripe")

    def handle(self, *, charge: str, **options: Any) -> None:
        found = _find(charge.strip())
        if found is None:
            raise CommandError(f"No charge has the id {charge!r}.")
        self.stdout.write(f"Charge {found.id} of {found.partner}: {found.status}\n\n")
        for entry in timeline.of(found, names_staff=True):
            self.stdout.write(f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.text}")


def _find(text: str) -> Charge | None:
    try:
        wanted = Q(id=UUID(text))
    except ValueError:
        wanted = Q(external_charge_id=text)
    return Charge.objects.select_related("partner").filter(wanted).first()
