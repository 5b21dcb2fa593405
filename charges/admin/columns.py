"""What the pages of this app, and of those above it, show of charges."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import TextFilter

from charges import declines
from charges.models import Charge, ChargeStatus, DisputeStatus, Outcome, RefundStatus
from foundation import pages
from foundation.pages.exporting import Shown
from wallets.admin import (
    ENTRY_AMOUNTS,
    POSTED_AT,
    POSTED_KIND,
    TRANSACTION,
    WALLET,
    LedgerEntryAdmin,
    amount,
    amount_text,
)
from wallets.models import LedgerEntry
from webhooks.admin import EventAdmin
from webhooks.models import Event

COLOURS = {
    ChargeStatus.PENDING.value: pages.INFO,
    ChargeStatus.PROCESSING.value: pages.INFO,
    ChargeStatus.SUCCEEDED.value: pages.SUCCESS,
    ChargeStatus.FAILED.value: pages.DANGER,
    ChargeStatus.REQUIRES_ACTION.value: pages.WARNING,
    ChargeStatus.UNKNOWN.value: pages.WARNING,
}
REFUND_COLOURS = {
    RefundStatus.PENDING.value: pages.INFO,
    RefundStatus.SUCCEEDED.value: pages.SUCCESS,
    RefundStatus.FAILED.value: pages.DANGER,
}
OUTCOME_COLOURS = {
    Outcome.SUCCEEDED.value: pages.SUCCESS,
    Outcome.DECLINED.value: pages.DANGER,
    Outcome.REFUSED.value: pages.DANGER,
    Outcome.REQUIRES_ACTION.value: pages.WARNING,
    Outcome.REFUSED_FOR_NOW.value: pages.WARNING,
    Outcome.UNKNOWN.value: pages.WARNING,
    Outcome.NOT_UNDERSTOOD.value: pages.DANGER,
    Outcome.DIFFERS.value: pages.DANGER,
}
CATEGORY_COLOURS = {
    declines.Category.SOFT.value: pages.WARNING,
    declines.Category.HARD.value: pages.DANGER,
    declines.Category.AUTHENTICATION.value: pages.INFO,
    declines.Category.OURS.value: pages.DANGER,
}
DISPUTE_COLOURS: dict[str, str] = {
    DisputeStatus.NEEDS_RESPONSE: pages.DANGER,
    DisputeStatus.UNDER_REVIEW: pages.WARNING,
    DisputeStatus.WARNING_NEEDS_RESPONSE: pages.WARNING,
    DisputeStatus.WARNING_UNDER_REVIEW: pages.INFO,
    DisputeStatus.WON: pages.SUCCESS,
    DisputeStatus.LOST: pages.DANGER,
}


def state_of(colours: dict[str, str]) -> Any:
    """The row's status in its colour and, when a person must look at it, that in red."""

    def show(row: pages.Row) -> SafeString:
        return pages.flagged(row.status, colours, "needs review" if row.needs_review else None)

    return pages.column("status", show, ordering="status")


def shares(row: Any) -> SafeString | None:
    """Who gets how much of the row's money, a line each; None when nothing is shared."""
    return _lines(row, row.split_shares)


def reversals(row: Any) -> SafeString | None:
    """Who gave back how much, and owes how much of it, a line each; None when nobody did."""
    given = [part | {"amount": part["amount"] - part["receivable"]} for part in row.split_reversals]
    owed = [
        {"recipient": f"{part['recipient']} owes", "amount": part["receivable"]}
        for part in row.split_reversals
    ]
    return _lines(row, [part for part in (*given, *owed) if part["amount"]])


def _lines(row: Any, parts: list[dict[str, Any]]) -> SafeString | None:
    if not parts:
        return None
    lines = ((part["recipient"], amount_text(part["amount"], row.currency)) for part in parts)
    return format_html_join("", "<div>{}: {}</div>", lines)


def paid_by(charge: Charge) -> str | None:
    """The legs in the words of the page: what the API calls external is a card here."""
    legs = charge.payment_method
    return legs and legs.replace("external", "card").replace("+", " + ")


def category(row: Any) -> SafeString | None:
    """What the failure means for the next try (charges.declines)."""
    failure = row.failure
    return pages.badge(failure["category"], CATEGORY_COLOURS) if failure else None


def charge_state(charge: Charge) -> SafeString:
    """The status, what must be looked at, what went back, and the dispute if there is one."""
    badges: list[Shown] = [state_of(COLOURS)(charge)]
    if charge.amount_refunded:
        refunded = "refunded" if charge.refund_status == "full" else "refunded in part"
        badges.append(pages.badge(refunded, {refunded: pages.WARNING}))
    if charge.dispute_status:
        badges.append(dispute(charge))
    html = format_html_join(" ", "{}", ((badge,) for badge in badges))
    return Shown.of(html, ", ".join(badge.plain for badge in badges))


def dispute(charge: Charge) -> Shown:
    status = charge.dispute_status
    text = f"dispute: {status}"
    return pages.badge(text, {text: DISPUTE_COLOURS.get(status, pages.INFO)})


def failure(charge: Charge) -> SafeString | None:
    """The processor's code, in the colour of what it means for the next try."""
    code = charge.failure_decline_code or charge.failure_code
    known = charge.failure
    if known is None:
        return None
    return pages.badge(code, {code: CATEGORY_COLOURS.get(str(known["category"]), pages.INFO)})


STATUS = pages.column("status", charge_state, ordering="status")
FAILURE = pages.column("failure", failure, ordering="failure_code")
METHOD = pages.column("paid by", paid_by)
LEGS = [amount("wallet_amount", "by wallet"), amount("external_amount", "by card")]
ORDER = pages.column(
    "order", lambda charge: pages.link("installmentorder", charge.installment_order_id)
)
INSTALLMENT = pages.column(
    "installment", lambda charge: pages.link("installment", charge.installment_id)
)
FUNDED_BY = pages.column(
    "wallet",
    lambda charge: pages.link(
        "wallet", charge.wallet_id, charge.wallet and charge.wallet.customer_id
    ),
)
SHARES = pages.column("shares", shares)
REVERSALS = pages.column("given back by", reversals)
CATEGORY = pages.column("decline", category)
CHARGE = pages.column("charge", lambda row: pages.link("charge", row.charge_id))


def ledger_of(field: str) -> type:
    """The ledger entries whose `field` is the page's row."""
    return pages.related(
        LedgerEntry,
        LedgerEntryAdmin,
        title="Ledger entries",
        columns=["id", POSTED_KIND, "account", WALLET, *ENTRY_AMOUNTS, TRANSACTION, POSTED_AT],
        rows=lambda pk: Q(**{field: pk}),
    )


def events_of_this() -> type:
    """The events of the page's row, whichever model it is of."""
    return pages.related(
        Event,
        EventAdmin,
        title="Events",
        columns=[pages.ID, "type", "sequence", "request_id", "created_at"],
        rows=lambda resource_id: Q(resource_id=resource_id),
    )


class FailureFilter(TextFilter):
    """By the code of the failure, the bank's or the processor's."""

    title = "failure code"
    parameter_name = "failure"

    def queryset(self, request: HttpRequest, queryset: QuerySet[pages.M]) -> QuerySet[pages.M]:
        code = (self.value() or "").strip()
        if not code:
            return queryset
        by_bank = Q(failure_decline_code=code)
        return queryset.filter(by_bank | Q(failure_code=code, failure_decline_code=""))


NEEDS_REVIEW = ~Q(needs_review="")


class ReviewFilter(pages.CaseFilter):
    title = "review"
    parameter_name = "review"

    def cases(self) -> dict[str, Q]:
        return {"needed": NEEDS_REVIEW}
