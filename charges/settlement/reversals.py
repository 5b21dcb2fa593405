"""What a charge collected goes back: for refunds and lost disputes, and their undoing.

What goes back is the charge's posting in reverse and in proportion: recipients give back their
part, what their wallets no longer have is `receivable` from them, the rest is the partner's
revenue. The caller has locked the charge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from charges import splits
from charges.models import Charge, DisputeAllocation, Refund, RefundStatus
from foundation.actors import Actor
from wallets import ledger
from wallets.ledger import Line, Posting, WalletKey
from wallets.models import Account, Kind, Wallet

Wallets = dict[WalletKey, Wallet]
LATE_FEE = ""
"""Stands beside recipients, whose ids are never empty."""


@dataclass(frozen=True, slots=True)
class Return:
    """What goes back of a charge, in minor units: `external` of the card leg, against `account`,
    and `wallet` into the customer's wallet; and the fact that it is posted as.
    """

    kind: Kind
    external: int
    wallet: int = 0
    account: Account = Account.CARD
    refund_id: UUID | None = None
    dispute_id: UUID | None = None
    source_id: UUID | None = None
    description: str = ""

    @property
    def amount(self) -> int:
        return self.external + self.wallet


class Reversed(NamedTuple):
    """What was reversed for a refund or dispute: of recipients' shares, and of the late fee."""

    reversals: list[Reversal]
    late_fee: int


class Reversal(TypedDict):
    """What a recipient gave back, in minor units; `receivable` is what the wallet lacked of it."""

    recipient: str
    amount: int
    receivable: int


def post(charge: Charge, back: Return, *, by: Actor, now: datetime) -> Reversed:
    """The ledger says that so much went back; returns what was reversed for it."""
    wallets = _lock(charge)
    available = Counter({key: wallet.available for key, wallet in wallets.items()})
    lines = [Line(back.account, back.external)]
    if back.wallet:
        payer = (charge.partner_id, charge.customer_id)
        lines.append(Line(Account.WALLET, back.wallet, wallets[payer]))
        available[payer] += back.wallet
    posted = _reversals(charge, back.amount, available)
    for reversal in posted.reversals:
        wallet = wallets[charge.partner_id, reversal["recipient"]]
        lines.append(Line(Account.WALLET, reversal["receivable"] - reversal["amount"], wallet))
        lines.append(Line(Account.RECEIVABLE, -reversal["receivable"], wallet))
    lines.append(Line(Account.LATE_FEE, -posted.late_fee))
    lines.append(Line(Account.REVENUE, -_revenue(back, posted)))
    _post(charge, back, lines, by, now)
    return posted


def undo(charge: Charge, back: Return, posted: Reversed, *, by: Actor, now: datetime) -> None:
    """What was posted is undone: the money of the card leg is here again.

    Recipients have their part again, less what they still owe of it. What the customer's wallet no
    longer has of its part is `receivable` from the customer.
    """
    wallets = _lock(charge)
    lines = [Line(back.account, -back.external)]
    for reversal in posted.reversals:
        wallet = wallets[charge.partner_id, reversal["recipient"]]
        owed = min(reversal["receivable"], wallet.receivable)
        lines.append(Line(Account.WALLET, reversal["amount"] - owed, wallet))
        lines.append(Line(Account.RECEIVABLE, owed, wallet))
    if back.wallet:
        payer = wallets[charge.partner_id, charge.customer_id]
        gained = sum(
            line.amount for line in lines if line.account == Account.WALLET and line.wallet is payer
        )
        taken = min(payer.available + gained, back.wallet)
        lines.append(Line(Account.WALLET, -taken, payer))
        lines.append(Line(Account.RECEIVABLE, taken - back.wallet, payer))
    lines.append(Line(Account.LATE_FEE, posted.late_fee))
    lines.append(Line(Account.REVENUE, _revenue(back, posted)))
    _post(charge, back, lines, by, now)


def _revenue(back: Return, posted: Reversed) -> int:
    """What falls to the partner."""
    shared = sum(reversal["amount"] for reversal in posted.reversals)
    return back.amount - shared - posted.late_fee


def _post(charge: Charge, back: Return, lines: Iterable[Line], by: Actor, now: datetime) -> None:
    posting = Posting(
        partner_id=charge.partner_id,
        kind=back.kind,
        currency=charge.currency,
        lines=[line for line in lines if line.amount],
        description=back.description,
        charge_id=charge.id,
        refund_id=back.refund_id,
        dispute_id=back.dispute_id,
        source_id=back.source_id,
    )
    ledger.post([posting], by=by, now=now)


def _lock(charge: Charge) -> Wallets:
    customers = [charge.customer_id, *(share["recipient"] for share in charge.split_shares)]
    return ledger.lock((charge.partner_id, customer) for customer in customers)


def _reversals(charge: Charge, amount: int, available: Counter[WalletKey]) -> Reversed:
    """Recipients give back in proportion; the late fee does so as if it were one more share.

    Each has given back, after every refund, its share of all that went back so far, rounded once:
    of a third (3.33 of 10.00) a first refund of 5.00 reverses 1.67, a second one the 1.66 that is
    missing of 3.33. Rounding each refund alone would reverse 1.67 twice.
    """
    returned, given_back = _already_reversed(charge)
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
    return Reversed(reversals, late_fee)


def _already_reversed(charge: Charge) -> tuple[int, Counter[str]]:
    """What went back before, by the ledger, and how much of it from each recipient and LATE_FEE."""
    refunds = Refund.objects.filter(charge=charge, status=RefundStatus.SUCCEEDED)
    lost = DisputeAllocation.objects.filter(dispute__charge=charge, reversed_at=None)
    columns = ("amount", "split_reversals", "late_fee_reversed")
    posted = [*refunds.values_list(*columns), *lost.values_list(*columns)]
    given_back: Counter[str] = Counter()
    for _, reversals, late_fee in posted:
        given_back[LATE_FEE] += late_fee
        for reversal in reversals:
            given_back[reversal["recipient"]] += reversal["amount"]
    return sum(amount for amount, *_ in posted), given_back
