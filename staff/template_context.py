"""What templates of this app are given to show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from foundation.pages import badge, link
from partners.models import Partner
from staff import figures
from staff.admin import OUTCOMES
from staff.approvals import ALL
from staff.figures import Scope
from staff.models import AuditEntry
from staff.services import Person
from wallets.admin import amount_text
from wallets.models import LedgerEntry

SHOWN = 20


def person_of(request: HttpRequest) -> Person:
    if not request.user.is_authenticated:
        raise PermissionDenied
    return Person(request.user, getattr(request, "request_id", ""))


def offered(request: HttpRequest, row: Model) -> list[dict[str, Any]]:
    """Buttons of what the person may do to the row as it stands."""
    person = person_of(request)
    return [
        {
            "title": action.title,
            "icon": action.icon,
            "is_danger": action.is_danger,
            "url": reverse("staff-act", args=[action.name, row.pk]),
        }
        for action in ALL.values()
        if action.model is type(row)
        and person.may(action.permission)
        and action.is_for(person.user.pk, row)
        and action.offers(row)
    ]


def volumes(request: HttpRequest, row: Model) -> dict[str, Any]:
    """What a partner collected in the last 30 days, by currency; nothing for other rows."""
    if not isinstance(row, Partner) or not request.user.has_perm("charges.view_charge"):
        return {}
    now = timezone.now()
    scope = Scope(now.date() - timedelta(days=29), now.date(), row.pk, now)
    totals: dict[str, list[int]] = {}
    for day in figures.collected(scope):
        total = totals.setdefault(day["currency"], [0, 0])
        total[0] += int(day["wallet"] + day["card"])
        total[1] += day["count"]
    return {
        "totals": [(amount_text(minor, c), f"{count:,}") for c, (minor, count) in totals.items()],
        "url": reverse("admin:index") + f"?partner={row.pk}",
    }


def audit_entries(request: HttpRequest, row: Model) -> dict[str, Any]:
    """The latest entries of the audit trail about the row, for those who may see it."""
    if not request.user.has_perm("staff.view_auditentry"):
        return {}
    about = AuditEntry.objects.filter(model=row._meta.label_lower, object_id=str(row.pk))
    rows = [
        [
            entry.created_at,
            link("auditentry", entry.pk, entry.summary),
            entry.actor,
            entry.reason,
            badge(entry.outcome, OUTCOMES),
        ]
        for entry in about[:SHOWN]
    ]
    return {"headers": ["at", "what", "who", "why", "outcome"], "rows": rows}


def entries_table(entries: Sequence[LedgerEntry]) -> dict[str, Any]:
    return {
        "headers": ["account", "wallet", "amount", "balance before", "balance after"],
        "rows": [_line(entry) for entry in entries],
    }


def _line(entry: LedgerEntry) -> list[str]:
    currency = entry.transaction.currency
    balances = [entry.balance_before, entry.balance_after]
    return [
        entry.account.replace("_", " "),
        entry.wallet.customer_id if entry.wallet else "",
        amount_text(entry.amount, currency),
        *("" if balance is None else amount_text(balance, currency) for balance in balances),
    ]
