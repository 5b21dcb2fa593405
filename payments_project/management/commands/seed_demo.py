from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.progress import Progress

from partners import services
from partners.models import Partner
from payments_project import demo
from webhooks import services as webhooks
from webhooks.models import Endpoint

NAMES = ["Demo Shop", "Northwind Lending"]
STAFF = "admin"


class Command(BaseCommand):
    help = (
        "Makes two partners with two months of history, a staff login and an API key "
        "(DEMO_API_KEY, DEMO_STAFF_PASSWORD when set). For development only."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="only when there is no partner")

    def handle(self, *, if_empty: bool, **options: Any) -> None:
        if if_empty and Partner.objects.exists():
            return
        if not settings.DEBUG or not settings.STRIPE_SECRET_KEY.startswith("sk_test_"):
            raise CommandError("The demo needs DEBUG=1 and a test key of Stripe.")
        if Partner.objects.exists():
            raise CommandError("There are partners already; the demo wants an empty database.")
        # The history happened before anybody listened.
        Endpoint.objects.filter(partner=None).update(is_active=False)
        self._make()
        webhooks.sync_operator_endpoints()

    def _make(self) -> None:
        """The login and the key come before the history: a kill in the middle leaves a demo that
        can be used.
        """
        now = timezone.now()
        password = settings.DEMO_STAFF_PASSWORD or secrets.token_urlsafe(9)
        shop, *others = [services.create_partner(name=name, now=now) for name in NAMES]
        _, key = services.create_api_key(partner=shop, now=now, key=settings.DEMO_API_KEY or None)
        get_user_model().objects.create_superuser(STAFF, password=password)
        with Progress() as progress:
            bar = progress.add_task("Demo data", total=len(NAMES) * demo.DAYS)
            for partner in [shop, *others]:
                demo.fill(partner, today=now, progress=lambda: progress.advance(bar))
        self.stdout.write(f"Staff login: {STAFF} / {password}")
        self.stdout.write(f"API key of {shop.name}: {key}")
