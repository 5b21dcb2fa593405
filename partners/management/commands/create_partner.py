from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from partners import services


class Command(BaseCommand):
    help = "Creates a partner with a first API key of all scopes, and prints the key once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, name: str, as_json: bool, **options: Any) -> None:
        now = timezone.now()
        try:
            partner = services.create_partner(name=name, now=now)
        except (services.NameMissing, services.PartnerExists) as error:
            raise CommandError(str(error)) from error
        _, key = services.create_api_key(partner=partner, now=now)
        if as_json:
            self.stdout.write(json.dumps({"partner_id": str(partner.id), "api_key": key}))
            return
        self.stdout.write(f"Partner {partner.name}: {partner.id}")
        self.stdout.write(f"API key, shown only now: {key}")
