"""Staff pages of refunds and disputes."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from charges.admin import columns
from charges.admin.records import ATTEMPT_COLUMNS, CardAttemptAdmin
from charges.models import CardAttempt, Dispute, DisputeAllocation, DisputeMovement, Refund
from foundation import pages
from wallets.admin import (
    BY_AMOUNT,
    CurrencyFilter,
    amount,
    amount_text,
)

PARTS = [amount("external_amount", "to the card"), amount("wallet_amount", "into the wallet")]


@admin.register(Refund)
class RefundAdmin(pages.ReadOnlyAdmin):
    STATUS = columns.state_of(columns.REFUND_COLOURS)
    list_display = [
        pages.ID,
        amount("amount"),
        STATUS,
        *PARTS,
        columns.CHARGE,
        pages.line("reason"),
        pages.PARTNER,
        "created_at",
    ]
    list_filter = [
        pages.BY_PARTNER,
        pages.BY_STATUS,
        ("refund_to", ChoicesCheckboxFilter),
        ("origin", ChoicesCheckboxFilter),
        columns.ReviewFilter,
        CurrencyFilter,
        BY_AMOUNT,
        pages.BY_PERIOD,
        ("succeeded_at", pages.BY_PERIOD[1]),
    ]
    processor_fields = ["external_refund_id", "charge__external_charge_id"]
    search_fields = ["external_refund_id", "reason", "idempotency_key", "charge__customer_id"]
    id_fields = ["id", "charge_id"]
    fieldsets = [
        (None, {"fields": ["id", STATUS, columns.CHARGE, "reason", pages.PARTNER]}),
        ("Money", {"fields": [amount("amount"), *PARTS, "refund_to", "origin", columns.REVERSALS]}),
        (
            "At the processor",
            {"fields": ["external_refund_id", "attempts", "next_attempt_at", "needs_review"]},
        ),
        ("Failure", {"fields": ["failure_code", "failure_message"]}),
        (
            "Origin",
            {
                "fields": [
                    "actor",
                    "idempotency_key",
                    "created_at",
                    "updated_at",
                    "succeeded_at",
                    "failed_at",
                ]
            },
        ),
    ]
    change_form_datasets = [
        pages.related(
            CardAttempt,
            CardAttemptAdmin,
            title="Attempts",
            columns=ATTEMPT_COLUMNS,
            rows=lambda refund_id: Q(refund_id=refund_id),
        ),
        columns.ledger_of("transaction__refund_id"),
        columns.events_of_this(),
    ]


ANSWER_NEEDED = Q(status__endswith="needs_response")


class AnswerFilter(pages.CaseFilter):
    """Whether the bank waits for evidence."""

    title = "answer"
    parameter_name = "answer"

    def cases(self) -> dict[str, Q]:
        return {"needed": ANSWER_NEEDED, "not needed": ~ANSWER_NEEDED}


DISPUTE = pages.column(
    "dispute", lambda row: pages.link("dispute", row.dispute_id, row.dispute.external_id)
)
OF_PARTNER = ("dispute__partner", pages.BY_PARTNER[1])
MOVED: list[str | pages.Column] = [
    "external_id",
    amount("amount", "taken"),
    pages.column("fee", lambda row: amount_text(row.fee, row.fee_currency)),
    "happened_at",
]
BORNE: list[str | pages.Column] = [amount("amount"), "created_at", "reversed_at"]


@admin.register(DisputeMovement)
class DisputeMovementAdmin(pages.ReadOnlyAdmin):
    list_display = [*MOVED, DISPUTE]
    list_select_related = ("dispute",)
    list_filter = [OF_PARTNER, ("happened_at", pages.PeriodFilter)]
    search_fields = ["external_id", "dispute__external_id"]
    id_fields = ["id", "dispute_id"]
    fieldsets = [(None, {"fields": ["id", *MOVED, DISPUTE, "created_at"]})]


@admin.register(DisputeAllocation)
class DisputeAllocationAdmin(pages.ReadOnlyAdmin):
    list_display = [*BORNE, DISPUTE]
    list_select_related = ("dispute",)
    list_filter = [OF_PARTNER, pages.BY_PERIOD]
    search_fields = ["dispute__external_id"]
    id_fields = ["id", "dispute_id"]
    fieldsets = [
        (None, {"fields": ["id", *BORNE, DISPUTE, "split_reversals", "late_fee_reversed"]}),
    ]


@admin.register(Dispute)
class DisputeAdmin(pages.ReadOnlyAdmin):
    STATUS = columns.state_of(columns.DISPUTE_COLOURS)
    list_display = [
        "external_id",
        amount("amount"),
        STATUS,
        "reason",
        "evidence_due_at",
        columns.CHARGE,
        pages.PARTNER,
        "opened_at",
    ]
    list_filter = [
        pages.BY_PARTNER,
        ("status", AllValuesCheckboxFilter),
        AnswerFilter,
        columns.ReviewFilter,
        CurrencyFilter,
        ("opened_at", pages.BY_PERIOD[1]),
    ]
    processor_fields = ["external_id", "charge__external_charge_id"]
    search_fields = ["external_id", "charge__customer_id"]
    id_fields = ["id", "charge_id"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "id",
                    "external_id",
                    STATUS,
                    "reason",
                    columns.CHARGE,
                    pages.PARTNER,
                    "needs_review",
                ]
            },
        ),
        (
            "Money",
            {
                "fields": [
                    amount("amount"),
                    amount("withdrawn", "with the bank"),
                    amount("external_leg", "borne by the card leg"),
                    pages.column("loss", lambda row: amount_text(row.loss, row.currency)),
                ]
            },
        ),
        ("Times", {"fields": ["opened_at", "evidence_due_at", "closed_at", "updated_at"]}),
    ]
    change_form_datasets = [
        pages.related(
            DisputeMovement,
            DisputeMovementAdmin,
            title="What the bank moved",
            columns=MOVED,
            rows=lambda dispute_id: Q(dispute_id=dispute_id),
        ),
        pages.related(
            DisputeAllocation,
            DisputeAllocationAdmin,
            title="Who bears it",
            columns=BORNE,
            rows=lambda dispute_id: Q(dispute_id=dispute_id),
        ),
        columns.ledger_of("transaction__dispute_id"),
    ]
