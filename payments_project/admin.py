"""Staff pages of people and of the schedule, in the look of the rest, and the sidebar."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from foundation.pages import ListAdmin
from staff import attention

BEAT = [ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule]
admin.site.unregister([User, Group, *BEAT])
# Rows go one by one, on pages that the audit trail hears of.
admin.site.disable_action("delete_selected")

# Group: its pages, each with the icon (fonts.google.com/icons) and the model listed there.
PAGES: dict[str, list[tuple[str, str, str]]] = {
    "Payments": [
        ("Orders", "receipt_long", "installments.installmentorder"),
        ("Installments", "event_repeat", "installments.installment"),
        ("Revisions", "edit_note", "installments.revision"),
        ("Charges", "payments", "charges.charge"),
        ("Refunds", "undo", "charges.refund"),
        ("Disputes", "gavel", "charges.dispute"),
        ("Dispute movements", "swap_horiz", "charges.disputemovement"),
        ("Borne disputes", "pie_chart", "charges.disputeallocation"),
        ("Saved cards", "credit_card", "charges.paymentmethod"),
        ("Stopped cards", "credit_card_off", "charges.stoppedcard"),
    ],
    "Card processor": [
        ("Attempts", "contactless", "charges.cardattempt"),
        ("Stripe events", "sync_alt", "charges.processorevent"),
        ("Stripe's lists of events", "rule", "charges.eventsync"),
        ("Customers", "badge", "charges.processorcustomer"),
    ],
    "Decisions": [
        ("Approvals", "how_to_reg", "staff.approval"),
        ("Resolutions", "how_to_vote", "charges.resolution"),
    ],
    "Wallets and ledger": [
        ("Wallets", "account_balance_wallet", "wallets.wallet"),
        ("Ledger transactions", "balance", "wallets.ledgertransaction"),
        ("Ledger entries", "list_alt", "wallets.ledgerentry"),
    ],
    "Webhooks": [
        ("Events", "bolt", "webhooks.event"),
        ("Deliveries", "outbox", "webhooks.delivery"),
        ("Attempts", "send", "webhooks.attempt"),
        ("Endpoints", "webhook", "webhooks.endpoint"),
    ],
    "Partners": [
        ("Partners", "storefront", "partners.partner"),
        ("API keys", "key", "partners.apikey"),
        ("Collection policies", "rule", "installments.collectionpolicy"),
    ],
    "Operation": [
        ("Sweeps", "mop", "installments.sweep"),
        ("Quarantine", "front_hand", "partners.quarantined"),
        ("Running tasks", "pending_actions", "partners.tasklease"),
        ("Periodic tasks", "schedule", "django_celery_beat.periodictask"),
        ("Intervals", "timer", "django_celery_beat.intervalschedule"),
        ("Crontabs", "calendar_clock", "django_celery_beat.crontabschedule"),
    ],
    "Staff": [
        ("Users", "person", "auth.user"),
        ("Groups", "group", "auth.group"),
        ("Second factors", "phonelink_lock", "otp_totp.totpdevice"),
        ("Failed logins", "lock", "axes.accessattempt"),
        ("Audit trail", "history", "staff.auditentry"),
    ],
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: the pages that the person may see, groups without any left out."""
    waits: Counter[str] = Counter()
    for concern, count in attention.waiting(request):
        waits[concern.model._meta.label_lower] += count
    groups = {
        name: [_item(page, waits[page[2]]) for page in pages if _may_see(request, page)]
        for name, pages in PAGES.items()
    }
    overview = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    return [{"items": [overview]}] + [
        {"title": name, "items": items, "separator": True}
        for name, items in groups.items()
        if items
    ]


def _item(page: tuple[str, str, str], waits: int) -> dict[str, Any]:
    """With a badge for the rows that wait for a person."""
    title, icon, label = page
    return {
        "title": title,
        "icon": icon,
        "badge": min(waits, attention.MANY),
        "link": reverse(f"admin:{label.replace('.', '_')}_changelist"),
    }


def _may_see(request: HttpRequest, page: tuple[str, str, str]) -> bool:
    app, model = page[2].split(".")
    return any(request.user.has_perm(f"{app}.{may}_{model}") for may in ("view", "change"))


@admin.register(User)
class UserAdmin(ListAdmin, auth.UserAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(ListAdmin, auth.GroupAdmin):
    pass


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The registered tasks, in the look of the other fields."""


class PeriodicTaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, ListAdmin):
    form = PeriodicTaskForm
    date_hierarchy = None  # its lookups are those of the filter by start_time

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Enabled, disabled or run from the list: on record for each task."""
        chosen = request.POST.getlist("_selected_action")
        for task in queryset.filter(pk__in=chosen):
            self.log_change(request, task, f"Asked to {request.POST.get('action')}.")
        answer: HttpResponse | None = super().response_action(request, queryset)
        return answer


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat.CrontabScheduleAdmin, ListAdmin):
    pass


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(beat.ClockedScheduleAdmin, ListAdmin):
    pass


@admin.register(IntervalSchedule, SolarSchedule)
class ScheduleAdmin(ListAdmin):
    pass
