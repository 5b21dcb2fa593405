"""The overview that greets staff: figures, charts, and links to the lists behind every number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget

from charges.models import Charge, Refund
from foundation.pages import address, may_see
from installments.admin.columns import freshness
from installments.models import Installment, InstallmentOrder, Sweep
from partners.models import Partner
from staff import attention, charts, figures
from staff.figures import Rows, Scope
from wallets.admin import amount_text
from webhooks.models import Delivery, DeliveryStatus, Endpoint

PERIODS = [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "A year")]
USUAL = "30"
AGES = ["up to 7 days", "8 to 30 days", "31 to 90 days", "more than 90 days"]
EDGES = [(0, 7), (8, 30), (31, 90), (91, None)]


class ScopeForm(forms.Form):
    """The period, which ends today, and the partner; anything else is taken as the default."""

    period = forms.ChoiceField(choices=PERIODS, required=False, widget=UnfoldAdminSelectWidget)
    partner = forms.ModelChoiceField(
        Partner.objects.all(),
        required=False,
        empty_label="All partners",
        widget=UnfoldAdminSelectWidget,
    )

    def scope(self) -> Scope:
        self.is_valid()
        days = int(self.cleaned_data.get("period") or USUAL)
        partner: Partner | None = self.cleaned_data.get("partner")
        now = timezone.now()
        first = now.date() - timedelta(days=days - 1)
        return Scope(first, now.date(), partner.pk if partner else None, now)


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """For the index page of the admin (unfold's DASHBOARD_CALLBACK): what the person may see."""
    data = {"period": USUAL, **request.GET.dict()}
    form = ScopeForm(data)
    page = Overview(form.scope(), request)
    return {
        **context,
        "title": "Overview",
        "scope_form": form,
        "overview": page.sections(),
        "chart_options": charts.options(),
    }


class Overview:
    def __init__(self, scope: Scope, request: HttpRequest) -> None:
        self.scope, self.request = scope, request

    def sections(self) -> dict[str, Any]:
        """Each section by the model whose list it is of; those of lists that the person may not see
        are left out.
        """
        sections: dict[str, Any] = {"attention": self._attention()}
        if may_see(self.request, Charge):
            outcomes = figures.outcomes(self.scope)
            sections |= {"collected": self._collected(), "outcomes": self._outcomes(outcomes)}
        if may_see(self.request, InstallmentOrder):
            sections["orders"] = self._orders()
        if may_see(self.request, Installment):
            sections |= {"upcoming": self._upcoming(), "past_due": self._past_due()}
        if may_see(self.request, Delivery):
            sections["webhooks"] = self._webhooks()
        if may_see(self.request, Sweep):
            sections["operation"] = self._operation()
        return sections

    def _list(self, model: type[Model], **query: object) -> str:
        """The list behind a number, of the same partner."""
        if self.scope.partner_id:
            query["partner__id__exact"] = self.scope.partner_id
        return f"{address(model, 'changelist')}?{urlencode(query, doseq=True)}"

    def _period(self, field: str) -> dict[str, date]:
        return {f"{field}_from": self.scope.first, f"{field}_to": self.scope.last}

    def _attention(self) -> list[dict[str, Any]]:
        waiting = attention.waiting(self.request)
        return [
            {"name": c.title, "count": many(n), "url": c.url, "first": c.first_deadline()}
            for c, n in waiting
        ]

    def _collected(self) -> list[dict[str, Any]]:
        """Before refunds, which stand beside it."""
        back = figures.refunded(self.scope)
        return [
            {
                "currency": currency,
                "total": _sum(rows, currency, "wallet", "card"),
                "refunds": f"{back.get(currency, (0, 0))[0]:,}",
                "refunded": amount_text(back.get(currency, (0, 0))[1], currency),
                "refunds_url": self._list(
                    Refund,
                    status__exact="succeeded",
                    currency=currency,
                    **self._period("succeeded_at"),
                ),
                "wallet": _sum(rows, currency, "wallet"),
                "card": _sum(rows, currency, "card"),
                "count": f"{sum(row['count'] for row in rows):,}",
                "url": self._list(
                    Charge,
                    status__exact="succeeded",
                    currency=currency,
                    **self._period("succeeded_at"),
                ),
                "chart": charts.bars(self.scope.days, rows, currency, *charts.LEGS),
            }
            for currency, rows in _by_currency(figures.collected(self.scope))
        ]

    def _outcomes(self, rows: Rows) -> dict[str, Any]:
        period = self._period("created_at")
        by_status: defaultdict[str, int] = defaultdict(int)
        for row in rows:
            by_status[row["status"]] += row["count"]
        rate = figures.success_rate(rows)
        declined = [row for row in rows if row["status"] == "failed" and row["code"]]
        return {
            "rate": "-" if rate is None else f"{rate:.1f} %",
            "states": [
                (
                    status.replace("_", " "),
                    f"{count:,}",
                    self._list(Charge, status__exact=status, **period),
                )
                for status, count in sorted(by_status.items())
            ],
            "declines": [
                (
                    row["code"],
                    f"{row['count']:,}",
                    self._list(Charge, status__exact="failed", failure=row["code"], **period),
                )
                for row in declined[: figures.TOP]
            ],
        }

    def _orders(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                row["status"].replace("_", " "),
                f"{row['count']:,}",
                amount_text(int(row["amount"]), row["currency"]),
                self._list(InstallmentOrder, status__exact=row["status"], currency=row["currency"]),
            )
            for row in figures.orders(self.scope)
        ]

    def _upcoming(self) -> list[dict[str, Any]]:
        today = self.scope.now.date()
        days = [today + timedelta(days=n) for n in range(figures.AHEAD.days + 1)]
        return [
            {
                "currency": currency,
                "total": _sum(rows, currency, "amount"),
                "count": f"{sum(row['count'] for row in rows):,}",
                "url": self._list(
                    Installment,
                    status__exact="pending",
                    collection="scheduled",
                    due_date_from=days[0],
                    due_date_to=days[-1],
                    currency=currency,
                ),
                "chart": charts.bars(days, rows, currency, charts.DUE),
            }
            for currency, rows in _by_currency(figures.upcoming(self.scope))
        ]

    def _past_due(self) -> list[tuple[str, str, str, str]]:
        today = self.scope.now.date()
        lines = []
        for row in figures.past_due(self.scope):
            youngest, oldest = EDGES[row["age"]]
            query: dict[str, object] = {
                "status__exact": ["overdue", "failed"],
                "due_date_to": today - timedelta(days=youngest),
                "currency": row["currency"],
            }
            if oldest:
                query["due_date_from"] = today - timedelta(days=oldest)
            shown = amount_text(int(row["amount"]), row["currency"])
            lines.append(
                (AGES[row["age"]], f"{row['count']:,}", shown, self._list(Installment, **query))
            )
        return lines

    def _webhooks(self) -> dict[str, Any]:
        counts = figures.deliveries(self.scope)
        period = self._period("created_at")
        failing = Endpoint.objects.filter(
            is_active=True, deleted_at=None, failing_since__isnull=False
        )
        if self.scope.partner_id:
            failing = failing.owned_by(self.scope.partner_id)
        return {
            "states": [
                (
                    status.value,
                    f"{counts.get(status, 0):,}",
                    self._list(Delivery, status__exact=status.value, **period),
                )
                for status in DeliveryStatus
            ],
            "failing": failing.count(),
            "failing_url": self._list(Endpoint, state="failing"),
        }

    def _operation(self) -> dict[str, Any]:
        sweeps = Sweep.objects.order_by("name")
        return {
            "sweeps": [
                (sweep.name, freshness(sweep), sweep.finished_at, sweep.collected)
                for sweep in sweeps
            ],
            "sweeps_url": address(Sweep, "changelist"),
            "backlog": [
                (name, f"{count:,}") for name, count in figures.backlog(self.scope.now).items()
            ],
        }


def many(count: int) -> str:
    return f"{count}+" if count >= attention.MANY else str(count)


def _by_currency(rows: Rows) -> Iterable[tuple[str, Rows]]:
    found: defaultdict[str, Rows] = defaultdict(list)
    for row in rows:
        found[row["currency"]].append(row)
    return found.items()


def _sum(rows: Rows, currency: str, *fields: str) -> str:
    return amount_text(sum(int(row[name]) for row in rows for name in fields), currency)
