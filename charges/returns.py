"""Steps of giving back what a charge collected: refunds, their failures, lost disputes.

What goes back is the charge's posting in reverse and in proportion: recipients give back their
part, what their wallets no longer have is `receivable` from them, the rest is the partner's
revenue. The caller has locked the charge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from charges import splits
from charges.models import Charge, Dispute, Refund, RefundStatus
from partners.actors import Actor
from wallets import ledger
from wallets.ledger import Line, Posting, WalletKey
from wallets.models import Account, Kind, Wallet

Wallets = dict[WalletKey, Wallet]
LATE_FEE = ""
"""Stands beside recipients, whose ids are never empty."""


class GivenBack(NamedTuple):
    """What came back for a refund or dispute: from recipients, and of the late fee."""

    reversals: list[Reversal]
    late_fee: int


class Reversal(TypedDict):
    """What a recipient gave back, in minor units; `receivable` is what the wallet lacked of it."""

    recipient: str
    amount: int
    receivable: int


def give_back(
    charge: Charge,
    *,
    to_card: int,
    to_wallet: int,
    kind: Kind,
    refund_id: UUID | None = None,
    dispute_id: UUID | None = None,
    description: str = "",
    by: Actor,
    now: datetime,
) -> GivenBack:
    """The ledger says that so much went back; returns what was given for it."""
    wallets = _lock(charge)
    available = Counter({key: wallet.available for key, wallet in wallets.items()})
    lines = [Line(Account.CARD, to_card)] if to_card else []
    if to_wallet:
        payer = (charge.partner_id, charge.customer_id)
        lines.append(Line(Account.WALLET, to_wallet, wallets[payer]))
        available[payer] += to_wallet
    reversals, late_fee = _reversals(charge, to_card + to_wallet, available)
    for reversal in reversals:
        if taken := reversal["amount"] - reversal["receivable"]:
            wallet = wallets[charge.partner_id, reversal["recipient"]]
            lines.append(Line(Account.WALLET, -taken, wallet))
    receivable = sum(reversal["receivable"] for reversal in reversals)
    shared = sum(reversal["amount"] for reversal in reversals)
    revenue = to_card + to_wallet - shared - late_fee
    lines += _rest(-receivable, -late_fee, -revenue)
    posting = Posting(
        partner_id=charge.partner_id,
        kind=kind,
        currency=charge.currency,
        lines=lines,
        description=description,
        charge_id=charge.id,
        refund_id=refund_id,
        dispute_id=dispute_id,
    )
    ledger.post([posting], by=by, now=now)
    return GivenBack(reversals, late_fee)


def take_back(charge: Charge, refund: Refund, *, by: Actor, now: datetime) -> None:
    """The refund's posting is undone: the card's issuer has sent its part back to us.

    What the customer's wallet no longer has of its part is `receivable` from the customer.
    """
    wallets = _lock(charge)
    lines = [Line(Account.CARD, -refund.external_amount)] if refund.external_amount else []
    for reversal in refund.split_reversals:
        if given := reversal["amount"] - reversal["receivable"]:
            wallet = wallets[charge.partner_id, reversal["recipient"]]
            lines.append(Line(Account.WALLET, given, wallet))
    receivable = sum(reversal["receivable"] for reversal in refund.split_reversals)
    shared = sum(reversal["amount"] for reversal in refund.split_reversals)
    revenue = refund.amount - shared - refund.late_fee_reversed
    if refund.wallet_amount:
        payer = wallets[charge.partner_id, charge.customer_id]
        gained = sum(line.amount for line in lines if line.wallet is payer)
        taken = min(payer.available + gained, refund.wallet_amount)
        receivable -= refund.wallet_amount - taken
        lines += [Line(Account.WALLET, -taken, payer)] if taken else []
    lines += _rest(receivable, refund.late_fee_reversed, revenue)
    posting = Posting(
        partner_id=charge.partner_id,
        kind=Kind.REFUND_FAILED,
        currency=charge.currency,
        lines=lines,
        description=refund.failure_message,
        charge_id=charge.id,
        refund_id=refund.id,
    )
    ledger.post([posting], by=by, now=now)


def _rest(receivable: int, late_fee: int, revenue: int) -> list[Line]:
    """What falls to the partner's own accounts; no line for nothing."""
    amounts = (
        (Account.RECEIVABLE, receivable),
        (Account.LATE_FEE, late_fee),
        (Account.REVENUE, revenue),
    )
    return [Line(account, amount) for account, amount in amounts if amount]


def _lock(charge: Charge) -> Wallets:
    customers = [charge.customer_id, *(share["recipient"] for share in charge.split_shares)]
    return ledger.lock((charge.partner_id, customer) for customer in customers)


def _reversals(charge: Charge, amount: int, available: Counter[WalletKey]) -> GivenBack:
    """Recipients give back in proportion; the late fee does so as if it were one more share."""
    returned, given_back = _so_far(charge)
    shares: Sequence[splits.Share] = charge.split_shares
    *cells, late_fee = splits.reversal(
        [*(share["amount"] for share in shares), charge.late_fee],
        charge.amount,
        returned=returned,
        given_back=[*(given_back[share["recipient"]] for share in shares), given_back[LATE_FEE]],
        amount=amount,
    )
    reversals = []
    for share, cell in zip(shares, cells, strict=True):
        if cell:
            lacking = max(cell - available[charge.partner_id, share["recipient"]], 0)
            reversals.append(
                Reversal(recipient=share["recipient"], amount=cell, receivable=lacking)
            )
    return GivenBack(reversals, late_fee)


def _so_far(charge: Charge) -> tuple[int, Counter[str]]:
    """What went back before by the ledger, what each recipient gave back for it, and LATE_FEE."""
    refunds = Refund.objects.filter(charge=charge, status=RefundStatus.SUCCEEDED)
    disputes = Dispute.objects.filter(charge=charge, external_leg__gt=0)
    posted = [
        *refunds.values_list("amount", "split_reversals", "late_fee_reversed"),
        *disputes.values_list("external_leg", "split_reversals", "late_fee_reversed"),
    ]
    given_back: Counter[str] = Counter()
    for _, reversals, late_fee in posted:
        given_back[LATE_FEE] += late_fee
        for reversal in reversals:
            given_back[reversal["recipient"]] += reversal["amount"]
    return sum(amount for amount, *_ in posted), given_back
