"""Staff pages of how collection runs: policies and sweeps."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from foundation import pages
from installments.admin.columns import days, freshness
from installments.models import CollectionPolicy, Sweep
from installments.retries import standard_offsets


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    offsets = SimpleArrayField(
        forms.IntegerField(min_value=0),
        widget=UnfoldAdminTextInputWidget,
        initial=standard_offsets,
        help_text=CollectionPolicy._meta.get_field("offsets").help_text,
    )

    class Meta:
        model = CollectionPolicy
        fields = ["partner", "name", "offsets", "grace_days", "default_after_days"]


@admin.register(CollectionPolicy)
class CollectionPolicyAdmin(pages.RowAdmin):
    form = PolicyForm
    list_display = [
        "name",
        pages.PARTNER,
        pages.column("tries", lambda policy: days(policy.offsets)),
        "grace_days",
        "default_after_days",
        "updated_at",
    ]
    list_filter = [pages.BY_PARTNER]
    search_fields = ["name", "partner__name"]
    id_fields = ["partner_id"]
    ordering = ["partner__name"]
    autocomplete_fields = ["partner"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: CollectionPolicy | None = None
    ) -> list[str]:
        return ["partner"] if obj else []


def took(sweep: Sweep) -> str | None:
    """The last run that ended."""
    if sweep.finished_at is None:
        return None
    return f"{(sweep.finished_at - sweep.started_at).total_seconds():,.1f} s"


@admin.register(Sweep)
class SweepAdmin(pages.ReadOnlyAdmin):
    STATE = pages.column("state", freshness)
    TOOK = pages.column("took", took)
    list_display = ["name", STATE, "finished_at", TOOK, "collected"]
    list_select_related = ()
    ordering = ["name"]
    id_fields = []
    fields = [
        "name",
        STATE,
        "started_at",
        "progressed_at",
        "finished_at",
        TOOK,
        "collected",
        "dates_kept_at",
    ]
