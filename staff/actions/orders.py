"""What staff do to installment orders and their installments."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminSingleDateWidget

from charges.reopening import ChargeKept, RefundInProgress
from charges.services import ProcessorUnavailable
from foundation.actors import Actor
from installments import planning, schedule, services
from installments.models import (
    UNPAID,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
)
from installments.planning import InvalidSchedule
from installments.schedule import UnknownTimeZone
from installments.serializers import InstallmentResource, OrderResource
from staff.action import Action, Cleaned, Done, ReasonForm, Row, choice, kept
from wallets import money
from wallets.models import LedgerEntry

S = OrderStatus
KEPT = {
    "status",
    "next_due_date",
    "pause_reason",
    "paused_at",
    "amount_paid",
    "past_due",
    "amount_written_off",
}


class OrderAction(Action):
    model = InstallmentOrder
    refusals: ClassVar[tuple[type[Exception], ...]] = (
        services.InvalidTransition,
        services.OrderDisputed,
        ProcessorUnavailable,
        UnknownTimeZone,
    )
    states: ClassVar[tuple[str, ...]]

    def get(self, pk: str) -> InstallmentOrder:
        return InstallmentOrder.objects.with_installments().get(pk=pk)

    def offers(self, row: Row) -> bool:
        return row.status in self.states

    def facts(self, row: Row) -> dict[str, Any]:
        return kept(OrderResource.render(row), KEPT)


class Pause(OrderAction):
    name, permission, title, icon = "pause", "order_pause", "Pause", "pause"
    consequence = "Nothing of the order is collected until somebody resumes it."
    states = (S.ACTIVE,)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.pause_order(order_id=row.pk, reason=cleaned["reason"], by=by, now=now)
        return Done("The order is paused.")


class ResumeForm(ReasonForm):
    dates = choice(
        ("kept", "Keep the dates; what fell due meanwhile is collected now"),
        ("shifted", "Shift the dates by the time that it was paused"),
    )
    field_order = ["dates", "reason"]


class Resume(OrderAction):
    name, permission, title, icon = "resume", "order_pause", "Resume", "play_arrow"
    consequence = "The order is collected again."
    form = ResumeForm
    states = (S.PAUSED,)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.resume_order(
            order_id=row.pk,
            is_shifted=cleaned["dates"] == "shifted",
            reason=cleaned["reason"],
            by=by,
            now=now,
        )
        return Done("The order is active again.")


class Cancel(OrderAction):
    name, permission, title, icon = "cancel-order", "order_cancel", "Cancel", "cancel"
    consequence = "Nothing more is collected; what is paid stays paid. This cannot be undone."
    is_danger = True
    states = (S.PENDING, S.ACTIVE, S.PAUSED)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.cancel_order(order_id=row.pk, reason=cleaned["reason"], by=by, now=now)
        return Done("The order is canceled.")


class Reinstate(OrderAction):
    name, permission, title, icon = "reinstate", "order_reinstate", "Reinstate", "restart_alt"
    consequence = (
        "The order is active again, for its arrears are paid. What is left is collected so:"
    )
    states = (S.DEFAULTED,)
    refusals = (*OrderAction.refusals, services.ChargeInProgress, services.ArrearsOwed)

    def details(self, row: Row) -> list[str]:
        unpaid = [
            installment for installment in row.installments.all() if installment.status in UNPAID
        ]
        return [f"{_named(installment)}, due on {installment.due_date}" for installment in unpaid]

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        services.rehearse_reinstatement(order_id=row.pk, now=now)
        return []

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.reinstate_order(order_id=row.pk, reason=cleaned["reason"], by=by, now=now)
        return Done("The order is active again.")


class WriteOff(OrderAction):
    name, permission, title, icon = "write-off", "order_write_off", "Write off", "money_off"
    consequence = (
        "What is unpaid is given up: nothing more is collected, late fees neither; what is paid "
        "stays paid. This cannot be undone."
    )
    is_danger = True
    refusals = (*OrderAction.refusals, services.OrderNotPastDue)

    def offers(self, row: Row) -> bool:
        late = row.status in (S.ACTIVE, S.PAUSED) and row.past_due
        return bool(late or row.status == S.DEFAULTED)

    def details(self, row: Row) -> list[str]:
        unpaid = [
            installment for installment in row.installments.all() if installment.status in UNPAID
        ]
        total = money.with_code(row.amount_remaining, row.currency)
        return [f"Given up: {total}", *(_named(installment) for installment in unpaid)]

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        return f"Write off {money.with_code(row.amount_remaining, row.currency)} of {row}"

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        order = services.write_off_order(order_id=row.pk, reason=cleaned["reason"], by=by, now=now)
        given_up = money.with_code(order.amount_written_off, order.currency)
        return Done(f"{given_up} is written off.")


class InstallmentAction(Action):
    model = Installment
    refusals: ClassVar[tuple[type[Exception], ...]] = (
        services.InvalidTransition,
        services.ChargeInProgress,
        ProcessorUnavailable,
        InvalidSchedule,
        UnknownTimeZone,
    )

    def get(self, pk: str) -> Installment:
        return Installment.objects.select_related("order", "charge").get(pk=pk)

    def facts(self, row: Row) -> dict[str, Any]:
        return dict(InstallmentResource.render(row))


class Collect(InstallmentAction):
    name, permission, title, icon = "collect", "installment_collect", "Collect now", "payments"
    consequence = (
        "The part is charged now, the wallet first, the card for the rest. The entries below are "
        "posted if the card pays; if it does not, nothing is posted."
    )

    nothing = "Neither the wallet nor a card covers it now: it would fail and post nothing."

    def offers(self, row: Row) -> bool:
        return row.status in UNPAID and row.order.status in (S.ACTIVE, S.DEFAULTED)

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        return services.rehearse_payment(installment_id=row.pk, now=now)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        installment = services.process_installment(installment_id=row.pk, by=by, now=now)
        charge = installment.charge
        if charge is None or charge.failure is None:
            return Done(f"The part is {installment.status}.")
        code = charge.failure_decline_code or charge.failure_code
        return Done(f"It was not paid ({code}): the part is {installment.status}.")


class RescheduleForm(ReasonForm):
    due_date = forms.DateField(widget=UnfoldAdminSingleDateWidget, help_text="Like 2026-12-31.")
    field_order = ["due_date", "reason"]

    def initial_for(self, row: Row) -> dict[str, date]:
        return {"due_date": row.due_date}


class Reschedule(InstallmentAction):
    name, permission, title = "reschedule", "installment_reschedule", "Reschedule"
    icon = "edit_calendar"
    consequence = (
        "The part is due on that date, in the order's time zone, with all its tries again."
    )
    form = RescheduleForm

    def offers(self, row: Row) -> bool:
        return row.status in UNPAID and row.order.status in (S.PENDING, S.ACTIVE, S.PAUSED)

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        today = schedule.local_date(now, row.order.timezone)
        planning.check_due_date(cleaned["due_date"], today, "due_date")
        return []

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        return f"Reschedule {row} to {cleaned['due_date']}"

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        installment = services.reschedule_installment(
            installment_id=row.pk,
            due_date=cleaned["due_date"],
            reason=cleaned["reason"],
            by=by,
            now=now,
        )
        return Done(f"The part is due on {installment.due_date}.")


class ReopenForm(ReasonForm):
    due_date = forms.DateField(
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="Like 2026-12-31. Empty: today.",
    )
    field_order = ["due_date", "reason"]


class Reopen(InstallmentAction):
    name, permission, title, icon = "reopen", "installment_reopen", "Reopen", "replay"
    consequence = (
        "The part, whose money went back in full, is unpaid again, with all its tries and the "
        "late fee that it owed. Its charge stays on record."
    )
    form = ReopenForm
    refusals = (*InstallmentAction.refusals, services.OrderDisputed, ChargeKept, RefundInProgress)

    def offers(self, row: Row) -> bool:
        is_returned = row.status == InstallmentStatus.PAID and not row.charge.amount_kept
        return is_returned and row.order.status in services.REOPENABLE

    def details(self, row: Row) -> list[str]:
        paid = row.order.installments.filter(charge=row.charge).select_related("order")
        return [f"{_named(installment)}, due on {installment.due_date}" for installment in paid]

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        services.rehearse_reopening(installment_id=row.pk, due_date=cleaned["due_date"], now=now)
        return []

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        return f"Reopen {row}, due on {cleaned['due_date'] or 'the day it is done'}"

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        installment = services.reopen_installment(
            installment_id=row.pk,
            due_date=cleaned["due_date"],
            reason=cleaned["reason"],
            by=by,
            now=now,
        )
        return Done(f"The part is {installment.status} and due on {installment.due_date}.")


def _named(installment: Installment) -> str:
    owed = money.with_code(installment.owed, installment.currency)
    return f"Part {installment.installment_number}: {owed}"


ACTIONS = [
    Pause(),
    Resume(),
    Cancel(),
    Reinstate(),
    WriteOff(),
    Collect(),
    Reschedule(),
    Reopen(),
]
