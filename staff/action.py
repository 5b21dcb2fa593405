"""What an action of staff is: a form, what it would post, the one door that it calls."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.conf import settings
from django.db.models import Model
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from foundation.actors import Actor
from wallets import money
from wallets.models import LedgerEntry

GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
"""1,234.50: a comma anywhere else may have been meant as a point, and is refused."""

Row = Any
"""A row of the action's model."""
Cleaned = Mapping[str, Any]
"""What the form says, cleaned."""


class Refused(Exception):
    """The action cannot be done now; its text is for the person who asked."""


class Done(NamedTuple):
    """What became true, and what is shown this once and kept nowhere."""

    answer: str
    shown_once: str = ""


class Money(NamedTuple):
    """Minor units of a currency."""

    amount: int
    currency: str


class ReasonForm(forms.Form):
    """What a person says about what they do to `row`."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept in the audit trail.",
    )

    def __init__(self, row: Row, data: Mapping[str, Any] | None = None) -> None:
        self.row = row
        super().__init__(data, initial=self.initial_for(row))

    def initial_for(self, row: Row) -> dict[str, Any]:
        """What the fields say before the person does."""
        return {}

    @property
    def parameters(self) -> dict[str, str]:
        """The fields as they were filled in: the same form can be made of them again."""
        return {name: str(self.data.get(name, "")) for name in self.fields}


class AmountForm(ReasonForm):
    amount = forms.CharField(
        max_length=32, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})
    )
    field_order = ["amount", "reason"]

    def clean_amount(self) -> int:
        """Minor units of the row's currency."""
        try:
            text = self.cleaned_data["amount"]
            plain = text.replace(",", "") if GROUPED.fullmatch(text) else text
            return money.parse(plain, self.row.currency)
        except (money.InvalidAmount, money.AmountPrecision) as error:
            raise forms.ValidationError(str(error)) from error


def choice(
    *choices: tuple[str, str], label: str | None = None, help_text: str = ""
) -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=choices, label=label, widget=UnfoldAdminSelectWidget, help_text=help_text
    )


def kept(resource: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Those members of a resource of the API that the audit trail keeps."""
    return {name: value for name, value in resource.items() if name in names}


class Action:
    """One thing that staff can do to one row. Subclasses say what; `staff.services` does it."""

    name: ClassVar[str]
    permission: ClassVar[str]
    title: ClassVar[str]
    icon: ClassVar[str]
    consequence: ClassVar[str]
    """What becomes true, for the person who is about to confirm."""
    model: ClassVar[type[Model]]
    form: ClassVar[type[ReasonForm]] = ReasonForm
    refusals: ClassVar[tuple[type[Exception], ...]] = ()
    is_danger: ClassVar[bool] = False
    always_needs_second_person: ClassVar[bool] = False
    """Whatever its value; it has one, for the request."""
    nothing: ClassVar[str] = "It posts nothing to the ledger."
    """Said where the rehearsal posted no entry."""

    def get(self, pk: str) -> Row:
        """The row as it stands, with what the page shows of it."""
        return self.model._default_manager.get(pk=pk)

    def offers(self, row: Row) -> bool:
        """Whether it makes sense for the row as it stands."""
        raise NotImplementedError

    def is_for(self, user_id: int, row: Row) -> bool:
        """Whether it is that person's to do, permissions aside."""
        return True

    def facts(self, row: Row) -> dict[str, Any]:
        """What the audit trail keeps of the row, before and after: JSON."""
        raise NotImplementedError

    def watched(self, row: Row) -> dict[str, Any]:
        """What must still stand when a person confirms; otherwise they are asked to look again."""
        return self.facts(row)

    def details(self, row: Row) -> list[str]:
        """What a person should read of the row before they decide."""
        return []

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        return f"{self.title}: {row}"

    def partner_id(self, row: Row) -> Any:
        return row.partner_id

    def rehearse(self, row: Row, cleaned: Cleaned, now: Any) -> list[LedgerEntry]:
        """The ledger entries that it will post, if it posts any. Raises what the door raises."""
        return []

    def value(self, row: Row, cleaned: Cleaned) -> Money | None:
        """The money that counts against the threshold; None where it has no threshold."""
        return None

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: Any) -> Done:
        """It is done, once for the key however often it is asked. Raises `refusals`."""
        raise NotImplementedError

    def needs_second_person(self, row: Row, cleaned: Cleaned) -> bool:
        value = self.value(row, cleaned)
        if value is None:
            return False
        return self.always_needs_second_person or value.amount > threshold(value.currency)

    @property
    def why_second_person(self) -> str:
        """Said to who is about to ask for it."""
        return (
            "This always needs a second person"
            if self.always_needs_second_person
            else "This is above the threshold"
        )


def threshold(currency: str) -> int:
    """Minor units above which a second person must approve (settings.APPROVAL_THRESHOLDS); of a
    currency without one, everything.
    """
    text = settings.APPROVAL_THRESHOLDS.get(currency, settings.APPROVAL_THRESHOLDS.get("*", "0"))
    return money.parse(text, currency) if text.strip("0.") else 0
