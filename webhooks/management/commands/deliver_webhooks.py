from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from webhooks import services

PAUSE = 2.0


class Command(BaseCommand):
    help = "Sends every webhook that is due, then looks again every two seconds until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due now, then end")

    def handle(self, *, once: bool, **options: Any) -> None:
        try:
            while True:
                self.stdout.write(f"Attempted {services.deliver_due()} deliveries.")
                if once:
                    return
                time.sleep(PAUSE)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
