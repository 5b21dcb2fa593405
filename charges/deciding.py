"""Which card a charge asks, how it falls into legs, what state it takes: in memory alone.

`charges.collection` writes what is decided here; a forecast only looks at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from charges import caps, card_money, cards, legs
from charges.cards import CardsOnFile
from charges.declines import NO_FAILURE, Failure
from charges.models import Charge, ChargeStatus
from wallets import money
from wallets.ledger import WalletKey
from wallets.models import Wallet

Wallets = dict[WalletKey, Wallet]


SHORT = "insufficient_funds"
STOPPED = Failure(
    SHORT, "A hard decline stopped the card, which is not asked again, and no wallet covers it."
)
REMOVED = Failure(SHORT, "The card was removed, and no wallet covers the amount.")
NO_DEFAULT = Failure(
    SHORT, "No wallet covers the amount, and none of the customer's saved cards is the default."
)
OUT_OF_TRIES = Failure(caps.CODE, caps.MESSAGE)
"""Cards that are spared: why a charge without another one fails."""


class UnknownRecipient(Exception):
    def __init__(self, recipient: str, currency: str) -> None:
        super().__init__(f"Recipient {recipient} has no {currency} wallet.")


def decide(
    charges: Sequence[Charge],
    wallets: Wallets,
    available: dict[UUID, int],
    *,
    is_capped: bool,
    now: datetime,
) -> None:
    """Each pending charge has its card, its legs and its next state, in memory only.

    `available` is what each wallet has left, by its id, and goes down as the charges take from it.
    `is_capped` charges spare cards that were stopped, or declined too often of late; others ask the
    card that they name.
    """
    short = _short(charges, wallets, available)
    filed = cards.on_file(short)
    capped = caps.used_up(short, now) if is_capped else {}
    for charge in charges:
        key = (charge.partner_id, charge.customer_id)
        spared = _choose_card(
            charge,
            filed.get(key, CardsOnFile.nothing()),
            capped.get(key, ()),
            is_capped=is_capped,
        )
        _decide(charge, wallets, available, spared=spared, now=now)


def wallet_keys(charges: Iterable[Charge]) -> Iterable[WalletKey]:
    """Whose wallets the charges take from and give to."""
    for charge in charges:
        yield charge.partner_id, charge.customer_id
        for share in charge.split_shares:
            yield charge.partner_id, share["recipient"]


def check_recipients(charges: Iterable[Charge], wallets: Wallets) -> None:
    """Raises UnknownRecipient unless every recipient has a wallet in the charge's currency."""
    for charge in charges:
        for share in charge.split_shares:
            wallet = wallets.get((charge.partner_id, share["recipient"]))
            if wallet is None or wallet.currency != charge.currency:
                raise UnknownRecipient(share["recipient"], charge.currency)


def succeed(charge: Charge, now: datetime) -> None:
    charge.status, charge.succeeded_at, charge.updated_at = ChargeStatus.SUCCEEDED, now, now
    _set_failure(charge, NO_FAILURE)


def fail(charge: Charge, failure: Failure, now: datetime) -> None:
    charge.status, charge.failed_at, charge.updated_at = ChargeStatus.FAILED, now, now
    _set_failure(charge, failure)


def cancel(charge: Charge, now: datetime) -> None:
    charge.status, charge.canceled_at, charge.updated_at = ChargeStatus.CANCELED, now, now


def _set_failure(charge: Charge, failure: Failure) -> None:
    charge.failure_code, charge.failure_message = failure.code[:64], failure.message[:500]
    charge.failure_decline_code = failure.decline_code[:64]
    charge.failure_advice_code = failure.advice_code[:64]


def _choose_card(
    charge: Charge, filed: CardsOnFile, capped: Collection[str], *, is_capped: bool
) -> Failure | None:
    """The card is that asked for or the customer's default, never one that must not be asked; why
    there is none, if a card is to blame. Nothing takes the place of a removed one that a single
    charge named.
    """
    barred: dict[str, Failure] = {
        **dict.fromkeys(filed.stopped, STOPPED),
        **dict.fromkeys(capped, OUT_OF_TRIES),
        **dict.fromkeys(filed.gone, REMOVED),
    }
    named, default = charge.card, next(iter(filed.default), "")
    is_gone = named in filed.gone
    if named and not is_gone and not (is_capped and named in barred):
        return None
    charge.card = ""
    if is_gone and not is_capped:
        return REMOVED
    if not default and filed.others - barred.keys():
        return NO_DEFAULT
    if default not in barred:
        charge.card = default
    return barred.get(default) or barred.get(named)


def _short(
    charges: Sequence[Charge], wallets: Wallets, available: Mapping[UUID, int]
) -> set[WalletKey]:
    """Customers whose wallet may not cover all that is asked of it, or may not be used."""
    asked: Counter[WalletKey] = Counter()
    short = set()
    for charge in charges:
        key = (charge.partner_id, charge.customer_id)
        wallet = _usable(charge, wallets)
        if wallet is None:
            short.add(key)
            continue
        asked[key] += charge.amount
        if asked[key] > available[wallet.id]:
            short.add(key)
    return short


def _decide(
    charge: Charge,
    wallets: Wallets,
    available: dict[UUID, int],
    *,
    spared: Failure | None,
    now: datetime,
) -> None:
    wallet = _usable(charge, wallets)
    have = available[wallet.id] if wallet else 0
    divided = legs.divide(
        charge.amount, available=have, currency=charge.currency, has_card=bool(charge.card)
    )
    charge.next_attempt_at, charge.updated_at, charge.decided_at = None, now, now
    charge.wallet_available = have if wallet else None
    if divided is None:
        has_no_card = spared if not charge.card else None
        fail(charge, has_no_card or _shortage(charge, wallet, have), now)
        return
    charge.wallet_amount, charge.external_amount = divided
    charge.wallet = wallet if divided.wallet else None
    if wallet:
        available[wallet.id] -= divided.wallet
    if divided.card:
        charge.status = ChargeStatus.PROCESSING
        return
    succeed(charge, now)
    for share in charge.split_shares:
        available[wallets[charge.partner_id, share["recipient"]].id] += share["amount"]


def _usable(charge: Charge, wallets: Wallets) -> Wallet | None:
    wallet = wallets.get((charge.partner_id, charge.customer_id))
    is_usable = wallet and charge.use_wallet and wallet.is_active
    return wallet if wallet and is_usable and wallet.currency == charge.currency else None


def _shortage(charge: Charge, wallet: Wallet | None, available: int) -> Failure:
    currency = charge.currency
    why = legs.no_card_leg(charge.amount, available=available, currency=currency)
    if charge.card and why:
        return Failure(why, _no_card_leg(why, currency))
    if wallet is None:
        return Failure(SHORT, "There is no usable wallet and no card.")
    return Failure(SHORT, "The wallet does not cover the amount and there is no card.")


def _no_card_leg(why: legs.NoCardLeg, currency: str) -> str:
    if why is legs.NoCardLeg.CURRENCY:
        return f"The processor takes no cards in {currency}, and no wallet covers the amount."
    if why is legs.NoCardLeg.TOO_LARGE:
        most = money.with_code(card_money.maximum(currency), currency)
        return f"A card pays at most {most}, and no wallet covers the rest."
    step = money.with_code(card_money.step(currency), currency)
    return f"The card takes steps of {step}, and no wallet covers what is between them."
