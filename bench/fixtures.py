"""A partner with funded wallets, for the measurements."""

from __future__ import annotations

from django.utils import timezone

from foundation.actors import Actor
from partners import services as partners
from partners.models import Partner
from wallets import services as wallets

BY = Actor("bench:bench")


def partner_with_wallets(name: str, customers: int) -> tuple[Partner, str]:
    """The partner and its key; each customer `c0`, `c1`, … has 10,000,000.00."""
    now = timezone.now()
    partner = partners.create_partner(name=name, now=now)
    Partner.objects.filter(id=partner.id).update(requests_per_minute=10_000_000)
    _, key = partners.create_api_key(partner=partner, now=now)
    for number in range(customers):
        customer = f"c{number}"
        wallets.create_wallet(partner_id=partner.id, customer_id=customer, currency="USD", now=now)
        movement = wallets.Movement(customer, 1_000_000_000, f"fund-{customer}", "bench")
        wallets.credit(partner_id=partner.id, movement=movement, by=BY, now=now)
    return partner, key
