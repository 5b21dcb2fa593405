"""What staff do to wallets."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from foundation.actors import Actor
from staff.action import Action, AmountForm, Cleaned, Done, Money, Row
from wallets import money, services
from wallets.models import Kind, LedgerEntry, Wallet
from wallets.serializers import WalletResource


class MovementForm(AmountForm):
    reference = forms.CharField(
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text="Optional. Unique among the partner's ledger transactions.",
    )
    field_order = ["amount", "reference", "reason"]


class WalletAction(Action):
    model = Wallet

    def facts(self, row: Row) -> dict[str, Any]:
        return dict(WalletResource.render(row))

    def watched(self, row: Row) -> dict[str, Any]:
        """Not the balance: money that comes in meanwhile changes nothing here."""
        return {"is_active": row.is_active}


class Movement(WalletAction):
    form = MovementForm
    kind: ClassVar[Kind]
    verb: ClassVar[str]
    refusals = (
        services.WalletInactive,
        services.InsufficientFunds,
        services.ReferenceExists,
    )

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        return f"{self.title} {money.with_code(cleaned['amount'], row.currency)} {self.verb} {row}"

    def value(self, row: Row, cleaned: Cleaned) -> Money:
        return Money(cleaned["amount"], row.currency)

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        movement = self._movement(row, cleaned, key=None)
        return services.rehearse(
            partner_id=row.partner_id, movement=movement, kind=self.kind, now=now
        )

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        door = services.credit if self.kind == Kind.CREDIT else services.debit
        movement = self._movement(row, cleaned, key=key)
        moved = door(partner_id=row.partner_id, movement=movement, by=by, now=now)
        balance = money.with_code(moved.entry.balance_after or 0, row.currency)
        return Done(f"The balance is {balance}.")

    def _movement(self, row: Row, cleaned: Cleaned, key: str | None) -> services.Movement:
        return services.Movement(
            customer_id=row.customer_id,
            amount=cleaned["amount"],
            idempotency_key=key,
            fingerprint=key or "",
            description=cleaned["reason"],
            reference=cleaned["reference"] or None,
        )


class Credit(Movement):
    name, permission, title, icon = "credit", "wallet_credit", "Credit", "add_card"
    consequence = "The wallet has the amount more, from the partner's funding; the partner is told."
    kind, verb = Kind.CREDIT, "to"

    def offers(self, row: Row) -> bool:
        return True


class Debit(Movement):
    name, permission, title, icon = "debit", "wallet_debit", "Debit", "remove"
    consequence = "The wallet has the amount less, to the partner's payout; the partner is told."
    kind, verb = Kind.DEBIT, "from"

    def offers(self, row: Row) -> bool:
        return bool(row.is_active and row.available)

    def watched(self, row: Row) -> dict[str, Any]:
        return {"is_active": row.is_active, "balance": row.balance, "held": row.held}


class Freeze(WalletAction):
    name, permission, title, icon = "freeze", "wallet_freeze", "Freeze", "ac_unit"
    consequence = "No debit and no charge takes money from the wallet; money may still come in."
    is_danger = True

    def offers(self, row: Row) -> bool:
        return bool(row.is_active)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.set_active(wallet=row, is_active=False, now=now)
        return Done("The wallet is frozen.")


class Unfreeze(WalletAction):
    name, permission, title, icon = "unfreeze", "wallet_freeze", "Unfreeze", "sunny"
    consequence = "Debits and charges may take money from the wallet again."

    def offers(self, row: Row) -> bool:
        return not row.is_active

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.set_active(wallet=row, is_active=True, now=now)
        return Done("The wallet is active again.")


ACTIONS = [Credit(), Debit(), Freeze(), Unfreeze()]
