"""Two accounts of the same money: a charge and its intent, a refund or dispute and theirs."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from charges.gateway.client import Unreadable
from charges.gateway.disputes import CardDispute
from charges.gateway.intents import Intent
from charges.gateway.refunds import CardRefund
from charges.models import OPEN, Charge, ChargeStatus, Dispute, Refund, RefundStatus
from wallets import money

SETTLED = ("succeeded", "canceled", "requires_payment_method")
NOTHING = "nothing"
SAFE = {
    "unsettled",
    "refund_unsettled",
    "refund_failed_there",
    "refund_made_there",
    "dispute_unsettled",
}
"""Kinds that the processor's word alone repairs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`here` and `there` in words; docs/operations.md says what each kind means."""

    kind: str
    here: str
    there: str
    charge_id: UUID | None = None
    refund_id: UUID | None = None
    external_id: str = ""
    is_repaired: bool = False


def of_charge(charge: Charge | None, intent: Intent | Unreadable | None) -> Difference | None:
    """Where the two differ. A charge may be known by name only: another intent is stored on it."""
    kind = _kind_of_charge(charge, intent)
    if kind is None:
        return None
    return Difference(
        kind,
        here=_words(charge.status, charge.external_amount, charge.currency) if charge else NOTHING,
        there=_there(intent),
        charge_id=charge.id if charge else None,
        external_id=intent.id if intent else (charge.external_charge_id or "" if charge else ""),
    )


def of_refund(
    refund: Refund | None,
    remote: CardRefund | Unreadable | None,
    charge: Charge | None = None,
) -> Difference | None:
    """Where the two differ; `charge` has the intent that was refunded."""
    kind = _kind_of_refund(refund, remote)
    if kind == "unknown_refund" and charge is not None:
        kind = "refund_made_there"
    if kind is None:
        return None
    return Difference(
        kind,
        here=_words(refund.status, refund.external_amount, refund.currency) if refund else NOTHING,
        there=_there(remote),
        charge_id=refund.charge_id if refund else charge.id if charge else None,
        refund_id=refund.id if refund else None,
        external_id=remote.id if remote else (refund.external_refund_id or "" if refund else ""),
    )


def of_dispute(
    charge: Charge | None, dispute: Dispute | None, remote: CardDispute | Unreadable | None
) -> Difference | None:
    """Where the two differ, in their state and in what the bank moved. Disputes of what is not ours
    are nobody's here.
    """
    kind = _kind_of_dispute(charge, dispute, remote)
    if kind is None:
        return None
    there = _there(remote)
    if isinstance(remote, CardDispute):
        there = _words_of_dispute(remote, sum(moved.amount for moved in remote.movements))
    return Difference(
        kind,
        here=_words_of_dispute(dispute, dispute.withdrawn) if dispute else NOTHING,
        there=there,
        charge_id=dispute.charge_id if dispute else charge.id if charge else None,
        external_id=remote.id if remote else dispute.external_id if dispute else "",
    )


def _there(remote: Intent | CardRefund | CardDispute | Unreadable | None) -> str:
    if isinstance(remote, Unreadable):
        return remote.reason
    return _words(remote.status, remote.amount, remote.currency) if remote else NOTHING


def _words_of_dispute(row: Dispute | CardDispute, withdrawn: int) -> str:
    held = money.with_code(withdrawn, row.currency)
    return f"{_words(row.status, row.amount, row.currency)}, {held} with the bank"


def _words(status: str, minor: int, currency: str) -> str:
    return f"{status} {money.with_code(minor, currency)}"


def _kind_of_charge(charge: Charge | None, intent: Intent | Unreadable | None) -> str | None:
    if intent is None:
        return "intent_missing"
    if isinstance(intent, Unreadable):
        return "intent_unreadable"
    is_paid = intent.status == "succeeded"
    if charge is None or charge.external_charge_id != intent.id:
        # One that was created and never confirmed is left over from a lost answer.
        return ("unknown_intent" if charge is None else "doubly_charged") if is_paid else None
    if intent.charge_id != str(charge.id):
        return "charge_differs"
    amounts = {intent.amount, intent.amount_received if is_paid else intent.amount}
    if amounts != {charge.external_amount} or intent.currency != charge.currency:
        return "amount_differs"
    if charge.status in OPEN:
        return "unsettled" if _is_settled(charge, intent) else None
    if is_paid == (charge.status == ChargeStatus.SUCCEEDED):
        return None
    return "collected_there_only" if is_paid else "collected_here_only"


def _is_settled(charge: Charge, intent: Intent) -> bool:
    if charge.status == ChargeStatus.REQUIRES_ACTION:
        return intent.status in ("succeeded", "canceled")
    return intent.status in SETTLED


def _kind_of_refund(refund: Refund | None, remote: CardRefund | Unreadable | None) -> str | None:
    if remote is None:
        return "refund_missing"
    if isinstance(remote, Unreadable):
        return "refund_unreadable"
    is_back = remote.may_move_money
    if refund is None:
        return "unknown_refund" if is_back else None
    if (remote.amount, remote.currency) != (refund.external_amount, refund.currency):
        return "refund_amount_differs"
    if refund.status == RefundStatus.PENDING:
        is_settled = remote.status == "succeeded" or not is_back
        return "refund_unsettled" if is_settled else None
    if refund.status == RefundStatus.SUCCEEDED:
        return None if is_back else "refund_failed_there"
    return "refund_succeeded_there" if is_back else None


def _kind_of_dispute(
    charge: Charge | None, dispute: Dispute | None, remote: CardDispute | Unreadable | None
) -> str | None:
    if isinstance(remote, Unreadable):
        return "dispute_unreadable"
    if dispute is None:
        return "dispute_unsettled" if charge and remote else None
    if remote is None:
        return "dispute_missing"
    here = {row.external_id: (row.amount, row.fee) for row in dispute.movements.all()}
    there = {movement.id: (movement.amount, movement.fee) for movement in remote.movements}
    if any(there.get(id_) != moved for id_, moved in here.items()):
        return "dispute_differs"
    is_known = dispute.status == remote.status and len(here) == len(there)
    return None if is_known else "dispute_unsettled"
