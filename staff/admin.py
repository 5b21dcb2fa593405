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

from foundation import pages
from partners.admin import PartnerAdmin
from staff.actions import ACTIONS
from staff.models import Approval, ApprovalStatus, AuditEntry, Outcome
from wallets.admin import amount
from webhooks.admin import EVENT_TYPES, SHORT_URL, EndpointAdmin
from webhooks.models import Endpoint

OUTCOMES = {
    Outcome.BEGUN.value: pages.WARNING,
    Outcome.DONE.value: pages.SUCCESS,
    Outcome.REFUSED.value: pages.DANGER,
}
APPROVAL_COLOURS = {
    ApprovalStatus.PENDING.value: pages.INFO,
    ApprovalStatus.APPROVED.value: pages.SUCCESS,
    ApprovalStatus.REJECTED.value: pages.DANGER,
    ApprovalStatus.EXPIRED.value: pages.WARNING,
}


def about(entry: AuditEntry) -> str | None:
    """A link to what it was done to."""
    return pages.link(entry.model.partition(".")[2], entry.object_id, entry.model.partition(".")[2])


def subject(approval: Approval) -> str | None:
    """A link to what it is to be done to."""
    model = ACTIONS[approval.action].model._meta
    return pages.link(str(model.model_name), approval.object_id, model.verbose_name)


def shown(field: str) -> Any:
    def show(row: Any) -> SafeString | None:
        value = getattr(row, field)
        return pages.code(json.dumps(value, indent=2, ensure_ascii=False)) if value else None

    return pages.column(field, show)


@admin.register(AuditEntry)
class AuditEntryAdmin(pages.ReadOnlyAdmin):
    ABOUT = pages.column("about", about)
    OUTCOME = pages.state(OUTCOMES, "outcome")
    list_display = [
        "created_at",
        pages.line("summary", "what"),
        ABOUT,
        "actor",
        pages.line("reason"),
        OUTCOME,
        pages.PARTNER,
    ]
    list_filter = [pages.BY_PARTNER, ("outcome", ChoicesCheckboxFilter), pages.BY_PERIOD]
    search_fields = ["actor", "summary", "reason", "request_id"]
    id_fields = ["id", "token", "approval_id"]
    fieldsets = [
        (None, {"fields": ["id", "summary", ABOUT, OUTCOME, "answer", "reason", pages.PARTNER]}),
        ("Change", {"fields": [shown("parameters"), shown("before"), shown("after")]}),
        (
            "Origin",
            {
                "fields": [
                    "actor",
                    "action",
                    "request_id",
                    pages.column("approval", lambda row: pages.link("approval", row.approval_id)),
                    "created_at",
                    "ended_at",
                ]
            },
        ),
    ]


@admin.register(Approval)
class ApprovalAdmin(pages.ReadOnlyAdmin):
    OBJECT = pages.column("about", subject)
    STATUS = pages.state(APPROVAL_COLOURS)
    list_display = [
        pages.ID,
        pages.line("summary", "what"),
        amount("amount"),
        STATUS,
        "requested_by",
        pages.line("reason"),
        "expires_at",
        "decided_by",
        pages.PARTNER,
    ]
    list_select_related = ["partner", "requested_by", "decided_by"]
    list_filter = [pages.BY_PARTNER, pages.BY_STATUS, pages.BY_PERIOD]
    search_fields = ["summary", "reason", "requested_by__username"]
    id_fields = ["id", "object_id"]
    fieldsets = [
        (None, {"fields": ["id", "summary", OBJECT, amount("amount"), STATUS, pages.PARTNER]}),
        (
            "Request",
            {"fields": ["requested_by", "reason", shown("parameters"), "created_at", "expires_at"]},
        ),
        ("Decision", {"fields": ["decided_by", "decision_reason", "decided_at"]}),
    ]


class _Removable(pages.ReadOnlyAdmin):
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
    pages.related(
        Endpoint,
        EndpointAdmin,
        title="Webhook endpoints",
        columns=[SHORT_URL, EVENT_TYPES, EndpointAdmin.STATE, "failing_since", "created_at"],
        rows=lambda partner_id: Q(partner_id=partner_id, deleted_at=None),
    )
]
