from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from partners import services
from partners.models import ALL_SCOPES


class Command(BaseCommand):
    help = "Creates a further API key of a partner (by id or name) and prints it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("partner", help="the partner's id or name")
        parser.add_argument("--scopes", default=",".join(ALL_SCOPES), help="comma-separated")
        parser.add_argument("--name", default="default")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(
        self, *, partner: str, scopes: str, name: str, as_json: bool, **options: Any
    ) -> None:
        owner = services.find_partner(partner)
        if owner is None:
            raise CommandError(f"No partner has the id or name {partner!r}.")
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        if not wanted:
            raise CommandError("A key without scopes opens nothing.")
        try:
            _row, key = services.create_api_key(
                partner=owner, now=timezone.now(), name=name, scopes=wanted
            )
        except services.UnknownScope as error:
            raise CommandError(str(error)) from error
        if as_json:
            self.stdout.write(json.dumps({"partner_id": str(owner.id), "api_key": key}))
            return
        self.stdout.write(f"API key of {owner.name}, shown only now: {key}")
