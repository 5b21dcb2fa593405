from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from webhooks import services
from webhooks.models import Endpoint


class Command(BaseCommand):
    help = (
        "Owes the events of a time to the endpoints that want them again, also those that they "
        "missed; the next run of deliver_due sends them, with the same ids."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=_moment, required=True, metavar="T", help="from then on"
        )
        parser.add_argument("--until", type=_moment, metavar="T", help="before then; now")
        parser.add_argument("--endpoint", type=UUID, metavar="ID", help="this one; all active ones")

    def handle(
        self, *, since: datetime, until: datetime | None, endpoint: UUID | None, **_: Any
    ) -> None:
        now = timezone.now()
        endpoints = Endpoint.objects.filter(is_active=True, deleted_at=None)
        if endpoint:
            endpoints = endpoints.filter(id=endpoint)
            if not endpoints.exists():
                raise CommandError(f"There is no active endpoint {endpoint}.")
        if (until or now) <= since:
            raise CommandError("--until: later than --since.")
        for row in endpoints.order_by("id"):
            count = services.replay_window(endpoint=row, since=since, until=until or now, now=now)
            self.stdout.write(f"{row.id}  {row}  {count} events")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not an ISO 8601 time.") from error
    if moment.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no offset (add Z for UTC).")
    return moment
