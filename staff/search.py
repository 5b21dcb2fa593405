"""What Ctrl+K finds beside pages: rows by a whole id, Stripe's or ours, and wallets by customer."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db.models import Model, Q
from django.http import HttpRequest
from unfold.dataclasses import SearchResult

from charges.models import Charge, Dispute, Refund
from foundation.pages import address, may_see
from installments.models import Installment, InstallmentOrder
from wallets.models import LedgerTransaction, Wallet
from webhooks.models import Delivery, Event

BY_ID = [
    Charge,
    Refund,
    Dispute,
    InstallmentOrder,
    Installment,
    Wallet,
    LedgerTransaction,
    Event,
    Delivery,
]
BY_STRIPE = {
    "pi_": (Charge, "external_charge_id"),
    "re_": (Refund, "external_refund_id"),
    "du_": (Dispute, "external_id"),
}
MANY = 10


def find(request: HttpRequest, _lowered: str) -> list[SearchResult]:
    """Rows that are exactly what was typed, of lists that the person may see: index look-ups."""
    term = request.GET.get("s", "").strip()
    return [
        _result(row)
        for model, rows in _wanted(term)
        if may_see(request, model)
        for row in model._default_manager.filter(rows)[:MANY]
    ]


def _wanted(term: str) -> Iterator[tuple[type[Model], Q]]:
    try:
        yield from ((model, Q(pk=UUID(term))) for model in BY_ID)
    except ValueError:
        model, field = BY_STRIPE.get(term[:3], (Wallet, "customer_id"))
        yield model, Q(**{field: term})


def _result(row: Model) -> SearchResult:
    return SearchResult(
        title=str(row),
        description=str(row._meta.verbose_name).capitalize(),
        link=address(type(row), "change", row.pk),
        icon="data_object",
    )
