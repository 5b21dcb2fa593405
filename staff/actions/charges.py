"""What staff do to charges and refunds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import uuid4

from charges import services
from charges.models import (
    WITH_PROCESSOR,
    Charge,
    ChargeStatus,
    Origin,
    Refund,
    RefundStatus,
    RefundTo,
)
from charges.serializers import ChargeResource, RefundResource
from foundation.actors import Actor
from staff.action import Action, AmountForm, Cleaned, Done, Money, ReasonForm, Row, choice, kept
from wallets import money
from wallets.models import LedgerEntry

UNDECIDED = (
    services.NothingToReview,
    services.ReviewInProgress,
    services.EvidenceContradicts,
    services.ProcessorUnavailable,
)
KEPT = {"status", "amount_refunded", "succeeded_at", "failed_at", "canceled_at"}


def refundable(charge: Charge) -> int:
    """Minor units that neither refunds nor lost disputes took; a dispute may bar some of it."""
    return charge.amount - charge.amount_refunded - charge.external_reversed


class ChargeAction(Action):
    model = Charge

    def facts(self, row: Row) -> dict[str, Any]:
        return kept(ChargeResource.render(row), KEPT) | {"needs_review": row.needs_review}


class RefundForm(AmountForm):
    refund_to = choice(
        (RefundTo.AUTO, "Where each part came from"),
        (RefundTo.CARD, "The card only"),
        (RefundTo.WALLET, "The wallet, as store credit"),
    )
    field_order = ["amount", "refund_to", "reason"]

    def initial_for(self, row: Row) -> dict[str, str]:
        return {"amount": money.to_decimal(refundable(row), row.currency)}


class RefundCharge(ChargeAction):
    name, permission, title, icon = "refund", "charge_refund", "Refund", "undo"
    consequence = (
        "So much goes back; recipients of the split give back their part. The entries are posted "
        "when the card's part has succeeded."
    )
    form = RefundForm
    refusals = (
        services.ChargeNotRefundable,
        services.ChargeDisputed,
        services.RefundExceedsCharge,
        services.RefundAmountUnsupported,
        services.WalletRequired,
        services.CurrencyMismatch,
    )

    def offers(self, row: Row) -> bool:
        return row.status == ChargeStatus.SUCCEEDED and refundable(row) > 0

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        return f"Refund {money.with_code(cleaned['amount'], row.currency)} of charge {row.pk}"

    def value(self, row: Row, cleaned: Cleaned) -> Money:
        return Money(cleaned["amount"], row.currency)

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        return services.rehearse_refund(
            charge_id=row.pk, new=self._new(cleaned, uuid4().hex), now=now
        )

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        refund = services.refund(
            charge_id=row.pk, new=self._new(cleaned, key), by=by, now=now
        ).refund
        return Done(f"The refund is {refund.status}.")

    def _new(self, cleaned: Cleaned, key: str) -> services.NewRefund:
        return services.NewRefund(
            amount=cleaned["amount"],
            idempotency_key=key,
            fingerprint=key,
            refund_to=RefundTo(cleaned["refund_to"]),
            reason=cleaned["reason"],
            origin=Origin.STAFF,
        )


class Cancel(ChargeAction):
    name, permission, title, icon = "cancel-charge", "charge_cancel", "Cancel", "cancel"
    consequence = "The charge is canceled, what it holds is released, its card is not charged."
    is_danger = True
    refusals = (services.ChargeNotCancelable, services.ProcessorUnavailable)

    def offers(self, row: Row) -> bool:
        return row.status in (ChargeStatus.PENDING, ChargeStatus.REQUIRES_ACTION)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.cancel(charge_id=row.pk, by=by, now=now)
        return Done("The charge is canceled.")


class ResolveForm(ReasonForm):
    outcome = choice(
        ("succeeded", "The money was collected"),
        ("failed", "It was not"),
        help_text="The processor is asked once more, and may contradict.",
    )
    field_order = ["outcome", "reason"]


class Resolve(Action):
    """Of a row that waits for staff in one of the `undecided` states."""

    permission, title, icon = "review_resolve", "Resolve", "gavel"
    form = ResolveForm
    refusals = UNDECIDED
    undecided: ClassVar[Sequence[str]]

    def offers(self, row: Row) -> bool:
        return row.status in self.undecided and bool(row.needs_review)

    def details(self, row: Row) -> list[str]:
        return [row.needs_review]


class ResolveCharge(Resolve, ChargeAction):
    name = "resolve-charge"
    consequence = (
        "You decide what the processor could not tell. Success posts the entries below, failure "
        "releases what is held. This cannot be undone. Your reason is shown to the partner too."
    )
    undecided = WITH_PROCESSOR

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        return services.rehearse_resolution(charge_id=row.pk, outcome=cleaned["outcome"], now=now)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        charge = services.resolve_charge(
            charge_id=row.pk, outcome=cleaned["outcome"], reason=cleaned["reason"], by=by, now=now
        )
        return Done(f"Decided: it is {charge.status}.")


class Acknowledge(ChargeAction):
    name, permission, title, icon = "acknowledge", "review_resolve", "Acknowledge", "done_all"
    consequence = (
        "You have dealt with what was flagged: the flags of this charge, its refunds and disputes "
        "are taken off, and your reason is kept. It is shown to the partner too."
    )
    refusals = UNDECIDED

    def offers(self, row: Row) -> bool:
        return bool(services.flags(charge_id=row.pk))

    def details(self, row: Row) -> list[str]:
        return services.flags(charge_id=row.pk)

    def watched(self, row: Row) -> dict[str, Any]:
        return {"flags": services.flags(charge_id=row.pk)}

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.acknowledge(charge_id=row.pk, reason=cleaned["reason"], by=by, now=now)
        return Done("What was flagged is acknowledged.")


class ResolveRefund(Resolve):
    name = "resolve-refund"
    consequence = (
        "You decide what the processor could not tell. Success posts the entries below, failure "
        "restores what the charge can still give back. This cannot be undone."
    )
    model = Refund
    undecided = [RefundStatus.PENDING]

    def get(self, pk: str) -> Refund:
        return Refund.objects.select_related("charge").get(pk=pk)

    def facts(self, row: Row) -> dict[str, Any]:
        return kept(RefundResource.render(row), KEPT)

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        return services.rehearse_refund_resolution(
            refund_id=row.pk, outcome=cleaned["outcome"], now=now
        )

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        refund = services.resolve_refund(
            refund_id=row.pk, outcome=cleaned["outcome"], reason=cleaned["reason"], by=by, now=now
        )
        return Done(f"Decided: it is {refund.status}.")


ACTIONS = [RefundCharge(), Cancel(), ResolveCharge(), Acknowledge(), ResolveRefund()]
