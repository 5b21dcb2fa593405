from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from partners import services
from payments_project import invariants


class Command(BaseCommand):
    help = "Proves what is always true of the money; exit 1 with the rows at fault."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--partner", help="only the rows of the partner of this id or name")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, partner: str | None, as_json: bool, **options: Any) -> None:
        findings = list(invariants.prove(_id_of(partner) if partner else None))
        broken = [finding for finding in findings if finding.rows]
        if as_json:
            report = {
                "ok": not broken,
                "checked": len(findings),
                "broken": [f._asdict() for f in broken],
            }
            self.stdout.write(json.dumps(report, default=str))
        else:
            self._print(findings)
        if broken:
            sys.exit(1)

    def _print(self, findings: list[invariants.Finding]) -> None:
        for invariant, rows in findings:
            self.stdout.write(f"{'BROKEN' if rows else 'ok    '}  {invariant}")
            for row in rows:
                self.stdout.write(f"        {json.dumps(row, default=str)}")
        broken = sum(bool(finding.rows) for finding in findings)
        total = len(findings)
        self.stdout.write(
            f"{broken} of {total} invariants are broken." if broken else f"All {total} hold."
        )


def _id_of(text: str) -> UUID:
    found = services.find_partner(text)
    if found is None:
        raise CommandError(f"No partner has the id or name {text!r}.")
    return found.id
