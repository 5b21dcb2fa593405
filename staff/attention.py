"""What waits for a person: counted in the sidebar and on the overview, listed behind a link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, Model, Q
from django.http import HttpRequest

from charges.admin.columns import NEEDS_REVIEW
from charges.admin.refunds import ANSWER_NEEDED
from charges.models import Charge, Dispute, Refund
from foundation.pages import address, may_see
from partners.admin import SET_ASIDE
from partners.models import Quarantined
from staff.models import Approval
from webhooks.admin import DISABLED_BY_US
from webhooks.models import Endpoint

MANY = 100


@dataclass(frozen=True, slots=True)
class Concern:
    """Rows of a model that wait for somebody; `query` makes the model's list show exactly them,
    `deadline` is the field that says until when.
    """

    title: str
    model: type[Model]
    waiting: Q
    query: str
    deadline: str = ""

    def first_deadline(self) -> datetime | None:
        """When the most urgent of them must be done; None without deadlines."""
        if not self.deadline:
            return None
        rows = self.model._default_manager.filter(self.waiting).order_by()
        first: datetime | None = rows.aggregate(first=Min(self.deadline))["first"]
        return first

    def count(self) -> int:
        """At most MANY: from there on the number says nothing more."""
        rows = self.model._default_manager.filter(self.waiting).order_by()
        return rows[:MANY].count()

    @property
    def url(self) -> str:
        return f"{address(self.model, 'changelist')}?{self.query}"


CONCERNS = [
    Concern(
        "Requests to approve", Approval, Q(status="pending"), "status__exact=pending", "expires_at"
    ),
    Concern("Charges to review", Charge, NEEDS_REVIEW, "review=needed"),
    Concern("Refunds to review", Refund, NEEDS_REVIEW, "review=needed"),
    Concern(
        "Disputes to answer",
        Dispute,
        ANSWER_NEEDED,
        "answer=needed",
        "evidence_due_at",
    ),
    Concern(
        "Endpoints that were disabled",
        Endpoint,
        DISABLED_BY_US,
        "state=disabled+by+us",
    ),
    Concern("Rows that sweeps set aside", Quarantined, SET_ASIDE, "state=set+aside"),
]


def waiting(request: HttpRequest) -> list[tuple[Concern, int]]:
    """What waits, among the lists that the person may see, and how many of each; counted once a
    request.
    """
    if not hasattr(request, "staff_waiting"):
        request.staff_waiting = _counted(request)  # type: ignore[attr-defined]
    return request.staff_waiting  # type: ignore[attr-defined,no-any-return]


def _counted(request: HttpRequest) -> list[tuple[Concern, int]]:
    seen = [concern for concern in CONCERNS if may_see(request, concern.model)]
    return [(concern, count) for concern in seen if (count := concern.count())]
