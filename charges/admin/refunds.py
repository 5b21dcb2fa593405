"""Staff pages of refunds and disputes."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter

from charges.admin.columns import (
    CHARGE,
    DISPUTE_COLOURS,
    REFUND_COLOURS,
    REVERSALS,
    ReviewFilter,
    events_of_this,
    ledger_of,
    state_of,
)
from charges.admin.records import ATTEMPT_COLUMNS, CardAttemptAdmin
from charges.models import CardAttempt, Dispute, DisputeAllocation, DisputeMovement, Refund
from foundation.pages import (
    BY_PARTNER,
    BY_PERIOD,
    BY_STATUS,
    ID,
    PARTNER,
    CaseFilter,
    Column,
    PeriodFilter,
    ReadOnlyAdmin,
    column,
    line,
    link,
    related,
)
from wallets.admin import (
    BY_AMOUNT,
    CurrencyFilter,
    amount,
    amount_text,
)

PARTS = [amount("external_amount", "to the card"), amount("wallet_amount", "into the wallet")]


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    STATUS = state_of(REFUND_COLOURS)
    list_display = [
        ID,
        amount("amount"),
        STATUS,
        *PARTS,
        CHARGE,
        line("reason"),
        PARTNER,
        "created_at",
    ]
    list_filter = [
        BY_PARTNER,
        BY_STATUS,
        ("refund_to", ChoicesCheckboxFilter),
        ("origin", ChoicesCheckboxFilter),
        ReviewFilter,
        CurrencyFilter,
        BY_AMOUNT,
        BY_PERIOD,
        ("succeeded_at", BY_PERIOD[1]),
    ]
    processor_fields = ["external_refund_id", "charge__external_charge_id"]
    search_fields = ["external_refund_id", "reason", "idempotency_key", "charge__customer_id"]
    id_fields = ["id", "charge_id"]
    fieldsets = [
        (None, {"fields": ["id", STATUS, CHARGE, "reason", PARTNER]}),
        ("Money", {"fields": [amount("amount"), *PARTS, "refund_to", "origin", REVERSALS]}),
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
        related(
            CardAttempt,
            CardAttemptAdmin,
            title="Attempts",
            columns=ATTEMPT_COLUMNS,
            rows=lambda refund_id: Q(refund_id=refund_id),
        ),
        ledger_of("transaction__refund_id"),
        events_of_this(),
    ]


ANSWER_NEEDED = Q(status__endswith="needs_response")


class AnswerFilter(CaseFilter):
    """Whether the bank waits for evidence."""

    title = "answer"
    parameter_name = "answer"

    def cases(self) -> dict[str, Q]:
        return {"needed": ANSWER_NEEDED, "not needed": ~ANSWER_NEEDED}


DISPUTE = column("dispute", lambda row: link("dispute", row.dispute_id, row.dispute.external_id))
OF_PARTNER = ("dispute__partner", BY_PARTNER[1])
MOVED: list[str | Column] = [
    "external_id",
    amount("amount", "taken"),
    column("fee", lambda row: amount_text(row.fee, row.fee_currency)),
    "happened_at",
]
BORNE: list[str | Column] = [amount("amount"), "created_at", "reversed_at"]


@admin.register(DisputeMovement)
class DisputeMovementAdmin(ReadOnlyAdmin):
    list_display = [*MOVED, DISPUTE]
    list_select_related = ("dispute",)
    list_filter = [OF_PARTNER, ("happened_at", PeriodFilter)]
    search_fields = ["external_id", "dispute__external_id"]
    id_fields = ["id", "dispute_id"]
    fieldsets = [(None, {"fields": ["id", *MOVED, DISPUTE, "created_at"]})]


@admin.register(DisputeAllocation)
class DisputeAllocationAdmin(ReadOnlyAdmin):
    list_display = [*BORNE, DISPUTE]
    list_select_related = ("dispute",)
    list_filter = [OF_PARTNER, BY_PERIOD]
    search_fields = ["dispute__external_id"]
    id_fields = ["id", "dispute_id"]
    fieldsets = [
        (None, {"fields": ["id", *BORNE, DISPUTE, "split_reversals", "late_fee_reversed"]}),
    ]


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    STATUS = state_of(DISPUTE_COLOURS)
    list_display = [
        "external_id",
        amount("amount"),
        STATUS,
        "reason",
        "evidence_due_at",
        CHARGE,
        PARTNER,
        "opened_at",
    ]
    list_filter = [
        BY_PARTNER,
        ("status", AllValuesCheckboxFilter),
        AnswerFilter,
        ReviewFilter,
        CurrencyFilter,
        ("opened_at", BY_PERIOD[1]),
    ]
    processor_fields = ["external_id", "charge__external_charge_id"]
    search_fields = ["external_id", "charge__customer_id"]
    id_fields = ["id", "charge_id"]
    fieldsets = [
        (
            None,
            {"fields": ["id", "external_id", STATUS, "reason", CHARGE, PARTNER, "needs_review"]},
        ),
        (
            "Money",
            {
                "fields": [
                    amount("amount"),
                    amount("withdrawn", "with the bank"),
                    amount("external_leg", "borne by the card leg"),
                    column("loss", lambda row: amount_text(row.loss, row.currency)),
                ]
            },
        ),
        ("Times", {"fields": ["opened_at", "evidence_due_at", "closed_at", "updated_at"]}),
    ]
    change_form_datasets = [
        related(
            DisputeMovement,
            DisputeMovementAdmin,
            title="What the bank moved",
            columns=MOVED,
            rows=lambda dispute_id: Q(dispute_id=dispute_id),
        ),
        related(
            DisputeAllocation,
            DisputeAllocationAdmin,
            title="Who bears it",
            columns=BORNE,
            rows=lambda dispute_id: Q(dispute_id=dispute_id),
        ),
        ledger_of("transaction__dispute_id"),
    ]
