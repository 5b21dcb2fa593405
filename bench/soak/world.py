"""What the operations of a soak act on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from devstack.processes import Process
from devstack.stripe_sandbox.client import SandboxControl
from devstack.throwaway import Servers
from partners import services as partners
from partners.models import Partner
from wallets import services as wallets

CUSTOMERS = [f"c{number}" for number in range(6)]
SELLERS = ["s0", "s1"]
ASKS = "pm_card_authenticationRequired"


@dataclass(frozen=True)
class World:
    """`processes` are the real workers and beat."""

    sandbox: SandboxControl
    servers: Servers
    processes: Sequence[Process]
    partners: Sequence[Partner]


def two_partners() -> list[Partner]:
    """The second one collects receivables."""
    return [_partner(number) for number in range(2)]


def _partner(number: int) -> Partner:
    partner = partners.create_partner(name=f"soak {number}", now=timezone.now())
    Partner.objects.filter(id=partner.id).update(net_receivables=bool(number))
    for customer in [*CUSTOMERS, *SELLERS]:
        wallets.create_wallet(
            partner_id=partner.id, customer_id=customer, currency="USD", now=timezone.now()
        )
    return partner


def any_of(rows: Any, rng: random.Random) -> Any:
    """Raises LookupError when there is none."""
    return rows.order_by("id")[rng.randrange(rows.count() or 1)]
