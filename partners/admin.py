"""Staff pages of partners and API keys."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from foundation import pages
from partners import access, services
from partners.models import ALL_SCOPES, ApiKey, Partner, Quarantined, Scope, TaskLease

KEY_STATES = {"live": pages.SUCCESS, "expired": pages.WARNING, "revoked": pages.DANGER}


def key_state(key: ApiKey) -> SafeString:
    if key.revoked_at is not None:
        return pages.badge("revoked", KEY_STATES)
    return pages.badge("live" if key.is_live(timezone.now()) else "expired", KEY_STATES)


def scopes_of(key: ApiKey) -> str:
    return "all" if set(key.scopes) == set(ALL_SCOPES) else ", ".join(key.scopes)


def limit(partner: Partner) -> str:
    own = partner.requests_per_minute
    return f"{own:,}" if own else f"{settings.PARTNER_REQUESTS_PER_MINUTE:,} (default)"


SCOPES = pages.column("scopes", scopes_of)
STATE = pages.column("state", key_state)


class KeyInline(pages.ReadOnlyInline):
    model = ApiKey
    verbose_name_plural = "API keys"
    fields = [
        pages.column("prefix", lambda key: pages.link("apikey", key.pk, key.prefix)),
        "name",
        SCOPES,
        STATE,
        "last_used_at",
        "expires_at",
        "created_at",
    ]


@admin.register(Partner)
class PartnerAdmin(pages.RowAdmin):
    list_display = [
        "name",
        pages.column("requests per minute", limit, ordering="requests_per_minute"),
        pages.column("live keys", lambda partner: partner.live_keys),
        "created_at",
    ]
    list_select_related = ()
    search_fields = ["name"]
    list_filter = [pages.BY_PERIOD]
    fields = ["name", "requests_per_minute", "net_receivables"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Partner]:
        partners: QuerySet[Partner] = super().get_queryset(request)
        is_live = Q(api_keys__revoked_at=None) & (
            Q(api_keys__expires_at=None) | Q(api_keys__expires_at__gt=timezone.now())
        )
        return partners.annotate(live_keys=Count("api_keys", filter=is_live))

    def get_inlines(self, request: HttpRequest, obj: Partner | None) -> list[type[TabularInline]]:
        return [KeyInline] if obj else []

    def get_fields(self, request: HttpRequest, obj: Partner | None = None) -> list[str]:
        return ["id", *self.fields, "created_at"] if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Partner | None = None) -> list[str]:
        return ["id", "created_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Partner | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Partner, form: ModelForm[Partner], change: bool
    ) -> None:
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)
        # Limits are remembered with keys; before the commit the old ones would be read again.
        transaction.on_commit(access.forget_all, robust=True)


class KeyState(pages.CaseFilter):
    title = "state"
    parameter_name = "state"

    def cases(self) -> dict[str, Q]:
        is_expired = Q(expires_at__isnull=False, expires_at__lte=timezone.now())
        return {
            "live": Q(revoked_at=None) & ~is_expired,
            "expired": Q(revoked_at=None) & is_expired,
            "revoked": Q(revoked_at__isnull=False),
        }


class NewKey(ModelForm):  # type: ignore[type-arg]  # not generic at run time
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=ALL_SCOPES, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )


@admin.register(ApiKey)
class ApiKeyAdmin(pages.DoorAdmin):
    form = NewKey
    list_display = ["prefix", pages.PARTNER, "name", SCOPES, STATE, "last_used_at", "created_at"]
    list_filter = [pages.BY_PARTNER, KeyState, pages.BY_PERIOD]
    search_fields = ["prefix", "name"]
    autocomplete_fields = ["partner"]
    fieldsets = [
        (None, {"fields": ["prefix", "partner", "name", SCOPES, STATE]}),
        ("Times", {"fields": ["created_at", "last_used_at", "expires_at", "revoked_at"]}),
    ]
    add_fieldsets = [(None, {"fields": ["partner", "name", "scopes", "expires_at"]})]

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool
    ) -> None:
        api_key, text = services.create_api_key(
            partner=obj.partner,
            now=timezone.now(),
            name=obj.name,
            scopes=obj.scopes,
            expires_at=obj.expires_at,
        )
        obj.pk = api_key.pk
        obj.refresh_from_db()
        messages.warning(request, f"Copy the key now, it is not shown again: {text}")


@admin.register(TaskLease)
class TaskLeaseAdmin(pages.ReadOnlyAdmin):
    """What runs now, and what a killed worker left behind."""

    list_display = ["name", "started_at", "expires_at", "is_wanted"]
    list_select_related = ()
    ordering = ["name"]
    id_fields = []
    fields = ["name", "holder", "started_at", "expires_at", "is_wanted"]


QUARANTINE_STATES = {
    "works again": pages.SUCCESS,
    "rests": pages.WARNING,
    "set aside": pages.DANGER,
}
SET_ASIDE = Q(set_aside_at__isnull=False)


def quarantine_state(row: Quarantined) -> SafeString:
    if row.set_aside_at:
        return pages.badge("set aside", QUARANTINE_STATES)
    return pages.badge("rests" if row.failures else "works again", QUARANTINE_STATES)


class QuarantineState(pages.CaseFilter):
    title = "state"
    parameter_name = "state"

    def cases(self) -> dict[str, Q]:
        return {
            "set aside": SET_ASIDE,
            "rests": Q(set_aside_at=None, failures__gt=0),
            "works again": Q(failures=0),
        }


@admin.register(Quarantined)
class QuarantinedAdmin(pages.ReadOnlyAdmin):
    """Rows that sweeps leave out, and why."""

    ROW = pages.column("row", lambda row: pages.link(row.model, row.row_id))
    KIND = pages.column("kind of row", lambda row: row.model, ordering="model")
    STATE = pages.column("state", quarantine_state)
    list_display = [
        "work",
        pages.PARTNER,
        KIND,
        ROW,
        STATE,
        "failures",
        pages.line("reason"),
        "since",
        "rests_until",
    ]
    list_filter = [QuarantineState, "work", pages.BY_PARTNER]
    search_fields = ["reason"]
    id_fields = ["id", "row_id"]
    fields = [
        "id",
        "partner",
        "work",
        KIND,
        ROW,
        STATE,
        "failures",
        "reason",
        "since",
        "failed_at",
        "rests_until",
        "set_aside_at",
    ]
