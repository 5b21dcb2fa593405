"""Which cards there are of a customer, whose a card is, and which must not be asked."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db.models import Case, Q, QuerySet, Value, When

from charges import declines
from charges.models import Charge, PaymentMethod, StoppedCard
from wallets.ledger import WalletKey


class PaymentMethodNotFound(Exception):
    def __init__(self, payment_method: str) -> None:
        super().__init__(f"There is no payment method {payment_method} of this customer.")


class CardsOnFile(NamedTuple):
    """What is known of a customer's cards, by their ids at Stripe."""

    default: set[str]
    others: set[str]
    stopped: set[str]
    gone: set[str]

    @classmethod
    def nothing(cls) -> CardsOnFile:
        return cls(set(), set(), set(), set())


def on_file(customers: Collection[WalletKey]) -> dict[WalletKey, CardsOnFile]:
    """The cards of these customers, in one statement."""
    if not customers:
        return {}
    partners, names = zip(*customers, strict=True)
    of_customers = Q(partner_id__in=set(partners), customer_id__in=set(names))
    states = Case(
        When(detached_at__isnull=False, then=Value("gone")),
        When(is_default=True, then=Value("default")),
        default=Value("others"),
    )
    saved = PaymentMethod.objects.filter(of_customers).order_by().annotate(state=states)
    stopped = StoppedCard.objects.filter(of_customers).annotate(state=Value("stopped"))
    rows = saved.values_list("partner_id", "customer_id", "external_id", "state").union(
        stopped.values_list("partner_id", "customer_id", "card", "state"), all=True
    )
    found: dict[WalletKey, CardsOnFile] = {}
    for partner_id, customer_id, card, state in rows:
        filed = found.setdefault((partner_id, customer_id), CardsOnFile.nothing())
        getattr(filed, state).add(card)
    return found


def check(partner_id: UUID, customer_id: str, payment_method: str) -> bool:
    """Whether the card is on file. Raises PaymentMethodNotFound for one that is saved for another
    customer or was removed.
    """
    saved = PaymentMethod.objects.filter(external_id=payment_method).first()
    if saved is not None:
        check_owner(saved, partner_id, customer_id)
    return saved is not None


def check_owner(saved: PaymentMethod, partner_id: UUID, customer_id: str) -> None:
    """Raises PaymentMethodNotFound unless the card is the customer's, and not removed."""
    is_theirs = (saved.partner_id, saved.customer_id) == (partner_id, customer_id)
    if not is_theirs or saved.detached_at:
        raise PaymentMethodNotFound(saved.external_id)


def external_customer_of(charge: Charge) -> str | None:
    """The Stripe customer that the charge's card is saved with; None for a card not saved."""
    saved = PaymentMethod.objects.filter(external_id=charge.card)
    return saved.values_list("external_customer_id", flat=True).first()


def refusal(charge: Charge) -> tuple[str, str] | None:
    """Why the charge's card must not be asked, as code and words: since it was chosen it was
    removed or, for an order, stopped.
    """
    if PaymentMethod.objects.filter(external_id=charge.card, detached_at__isnull=False).exists():
        return declines.REMOVED, "The card was removed before it was asked."
    stops = stops_of(charge.partner_id, charge.customer_id, charge.card)
    if charge.is_for_order and stops.exists():
        return declines.STOPPED, "A hard decline of another charge stopped the card."
    return None


def stops_of(partner_id: UUID, customer_id: str, card: str) -> QuerySet[StoppedCard]:
    """The hard decline that stopped the customer's card, if one did."""
    return StoppedCard.objects.filter(partner_id=partner_id, customer_id=customer_id, card=card)


def ask_again(partner_id: UUID, customer_id: str, card: str) -> None:
    """A step: the card was renewed, or named again; what had stopped it does so no more."""
    stops_of(partner_id, customer_id, card).delete()
