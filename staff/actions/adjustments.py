"""What two people of staff do to a partner's books where no rule covers it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from foundation.actors import Actor
from partners.models import Partner
from staff.action import GROUPED, Action, Cleaned, Done, Money, ReasonForm, Row, choice
from wallets import money, services
from wallets.models import Account, LedgerEntry, LedgerTransaction

ACCOUNTS = [
    ("", "Choose an account"),
    *((account.value, account.value.replace("_", " ")) for account in Account),
]


class AdjustForm(ReasonForm):
    currency = forms.CharField(
        max_length=3, widget=UnfoldAdminTextInputWidget, help_text="Like USD."
    )
    amount = forms.CharField(
        max_length=32, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})
    )
    source = choice(*ACCOUNTS, label="From", help_text="The account that has the amount less.")
    target = choice(*ACCOUNTS, label="To", help_text="The account that has the amount more.")
    customer_id = forms.CharField(
        label="Customer",
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text="Whose wallet it is, or who owes what is receivable.",
    )
    reference = forms.CharField(
        required=False,
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text="Optional. Unique among the partner's ledger transactions.",
    )
    field_order = ["currency", "amount", "source", "target", "customer_id", "reference", "reason"]

    def clean_currency(self) -> str:
        """One in use, or a withdrawn one that the partner's ledger has."""
        code = str(self.cleaned_data["currency"]).upper()
        posted = LedgerTransaction.objects.filter(partner=self.row, currency=code)
        if code not in money.currencies() and not posted.exists():
            raise forms.ValidationError("A currency of ISO 4217, like USD.")
        return code

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        sides = (cleaned.get("source"), cleaned.get("target"))
        names_customer = any(account in sides for account in services.OF_CUSTOMERS)
        if cleaned.get("source") and cleaned.get("source") == cleaned.get("target"):
            self.add_error("target", "Another account than the first.")
        if names_customer != bool(cleaned.get("customer_id")):
            self.add_error("customer_id", "With a wallet or what is receivable, and only then.")
        if "currency" in cleaned and "amount" in cleaned:
            cleaned["amount"] = self._minor_units(cleaned["amount"], cleaned["currency"])
        return cleaned

    def _minor_units(self, text: str, currency: str) -> int:
        plain = text.replace(",", "") if GROUPED.fullmatch(text) else text
        try:
            return money.parse(plain, currency)
        except (money.InvalidAmount, money.AmountPrecision) as error:
            self.add_error("amount", str(error))
            return 0


class Adjust(Action):
    name, permission, title, icon = "adjust", "ledger_adjust", "Adjust", "balance"
    model = Partner
    form = AdjustForm
    consequence = (
        "The amount is posted from one account to the other, for what no rule covers. The ledger "
        "is append-only: another adjustment is the only way back."
    )
    always_needs_second_person = True
    refusals = (
        services.SameAccount,
        services.WalletNotFound,
        services.WalletCurrencyDiffers,
        services.WalletInactive,
        services.InsufficientFunds,
        services.OwedLess,
        services.ReferenceExists,
    )

    def offers(self, row: Row) -> bool:
        return True

    def facts(self, row: Row) -> dict[str, Any]:
        return {"name": row.name}

    def partner_id(self, row: Row) -> Any:
        return row.pk

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        moved = money.with_code(cleaned["amount"], cleaned["currency"])
        sides = [
            cleaned[side].replace("_", " ")
            + (f" of {cleaned['customer_id']}" if cleaned[side] in services.OF_CUSTOMERS else "")
            for side in ("source", "target")
        ]
        return f"Adjust {row}: {moved} from {' to '.join(sides)}"

    def value(self, row: Row, cleaned: Cleaned) -> Money:
        return Money(cleaned["amount"], cleaned["currency"])

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        return services.rehearse_adjustment(
            partner_id=row.pk, adjustment=_adjustment(cleaned, uuid4().hex), now=now
        )

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        adjustment = _adjustment(cleaned, key)
        transaction_id = services.adjust(partner_id=row.pk, adjustment=adjustment, by=by, now=now)
        return Done(f"Ledger transaction {transaction_id} is posted.")


def _adjustment(cleaned: Cleaned, key: str) -> services.Adjustment:
    return services.Adjustment(
        currency=cleaned["currency"],
        amount=cleaned["amount"],
        source=services.Side(Account(cleaned["source"]), cleaned["customer_id"]),
        target=services.Side(Account(cleaned["target"]), cleaned["customer_id"]),
        description=cleaned["reason"],
        idempotency_key=key,
        reference=cleaned["reference"] or None,
    )


ACTIONS = [Adjust()]
