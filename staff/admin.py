"""Staff pages of what staff did, and of what waits for a second person."""

from __future__ import annotations

import json
from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from foundation.pages import (
    BY_PARTNER,
    BY_PERIOD,
    BY_STATUS,
    DANGER,
    ID,
    INFO,
    PARTNER,
    SUCCESS,
    WARNING,
    ReadOnlyAdmin,
    code,
    column,
    line,
    link,
    related,
    state,
)
from partners.admin import PartnerAdmin
from staff.actions import ACTIONS
from staff.models import Approval, ApprovalStatus, AuditEntry, Outcome
from wallets.admin import amount
from webhooks.admin import EVENT_TYPES, SHORT_URL, EndpointAdmin
from webhooks.models import Endpoint

OUTCOMES = {
    Outcome.BEGUN.value: WARNING,
    Outcome.DONE.value: SUCCESS,
    Outcome.REFUSED.value: DANGER,
}
APPROVAL_COLOURS = {
    ApprovalStatus.PENDING.value: INFO,
    ApprovalStatus.APPROVED.value: SUCCESS,
    ApprovalStatus.REJECTED.value: DANGER,
    ApprovalStatus.EXPIRED.value: WARNING,
}


def about(entry: AuditEntry) -> str | None:
    """A link to what it was done to."""
    return link(entry.model.partition(".")[2], entry.object_id, entry.model.partition(".")[2])


def subject(approval: Approval) -> str | None:
    """A link to what it is to be done to."""
    model = ACTIONS[approval.action].model._meta
    return link(str(model.model_name), approval.object_id, model.verbose_name)


def shown(field: str) -> Any:
    def show(row: Any) -> SafeString | None:
        value = getattr(row, field)
        return code(json.dumps(value, indent=2, ensure_ascii=False)) if value else None

    return column(field, show)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    ABOUT = column("about", about)
    OUTCOME = state(OUTCOMES, "outcome")
    list_display = [
        "created_at",
        line("summary", "what"),
        ABOUT,
        "actor",
        line("reason"),
        OUTCOME,
        PARTNER,
    ]
    list_filter = [BY_PARTNER, ("outcome", ChoicesCheckboxFilter), BY_PERIOD]
    search_fields = ["actor", "summary", "reason", "request_id"]
    id_fields = ["id", "token", "approval_id"]
    fieldsets = [
        (None, {"fields": ["id", "summary", ABOUT, OUTCOME, "answer", "reason", PARTNER]}),
        ("Change", {"fields": [shown("parameters"), shown("before"), shown("after")]}),
        (
            "Origin",
            {
                "fields": [
                    "actor",
                    "action",
                    "request_id",
                    column("approval", lambda row: link("approval", row.approval_id)),
                    "created_at",
                    "ended_at",
                ]
            },
        ),
    ]


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    OBJECT = column("about", subject)
    STATUS = state(APPROVAL_COLOURS)
    list_display = [
        ID,
        line("summary", "what"),
        amount("amount"),
        STATUS,
        "requested_by",
        line("reason"),
        "expires_at",
        "decided_by",
        PARTNER,
    ]
    list_select_related = ["partner", "requested_by", "decided_by"]
    list_filter = [BY_PARTNER, BY_STATUS, BY_PERIOD]
    search_fields = ["summary", "reason", "requested_by__username"]
    id_fields = ["id", "object_id"]
    fieldsets = [
        (None, {"fields": ["id", "summary", OBJECT, amount("amount"), STATUS, PARTNER]}),
        (
            "Request",
            {"fields": ["requested_by", "reason", shown("parameters"), "created_at", "expires_at"]},
        ),
        ("Decision", {"fields": ["decided_by", "decision_reason", "decided_at"]}),
    ]


class _Removable(ReadOnlyAdmin):
    """Rows that a person may take away: a lost phone, a lock after wrong passwords."""

    id_fields = ("id",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        meta = self.model._meta
        return request.user.has_perm(f"{meta.app_label}.delete_{meta.model_name}")


admin.site.unregister(TOTPDevice)


@admin.register(TOTPDevice)
class SecondFactorAdmin(_Removable):
    list_display = ["user", "name", "confirmed", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    fields = ["user", "name", "confirmed", "last_used_at", "created_at"]


@admin.register(AccessAttempt)
class FailedLoginAdmin(_Removable):
    list_display = ["attempt_time", "username", "ip_address", "failures_since_start"]
    list_select_related = ()
    search_fields = ["username", "ip_address"]
    fields = ["attempt_time", "username", "ip_address", "failures_since_start", "user_agent"]


PartnerAdmin.change_form_datasets = [
    related(
        Endpoint,
        EndpointAdmin,
        title="Webhook endpoints",
        columns=[SHORT_URL, EVENT_TYPES, EndpointAdmin.STATE, "failing_since", "created_at"],
        rows=lambda partner_id: Q(partner_id=partner_id, deleted_at=None),
    )
]
