"""How long a person stays logged in, whether a second factor is asked of them, and what their
pages are never asked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django_otp import user_has_device

Handler = Callable[[HttpRequest], HttpResponse]
SINCE = "staff_since"
FREE = ("staff-two-factor", "admin:login", "admin:logout", "admin:jsi18n")
ADMIN = "/admin/"


class StaffSession:
    """A session ends STAFF_SESSION after the login, and after STAFF_IDLE without a request (the
    session's own age). Whoever has a second factor, or everybody under STAFF_TWO_FACTOR, sees no
    page before it was given.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(ADMIN) and request.user.is_staff:
            if self._is_over(request):
                logout(request)
            elif self._lacks_factor(request):
                return HttpResponseRedirect(reverse("staff-two-factor"))
            else:
                request.session.modified = True  # restarts its idle time
        return self.get_response(request)

    def _is_over(self, request: HttpRequest) -> bool:
        now = timezone.now()
        since = request.session.setdefault(SINCE, now.isoformat())
        return bool(now - datetime.fromisoformat(since) > settings.STAFF_SESSION)

    def _lacks_factor(self, request: HttpRequest) -> bool:
        free = {reverse(name) for name in FREE}
        if request.path in free or request.user.is_verified():  # type: ignore[union-attr]
            return False
        return bool(settings.STAFF_TWO_FACTOR or user_has_device(request.user))


class SoundQuery:
    """No page of staff is asked for text that PostgreSQL cannot hold, in a filter or elsewhere."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(ADMIN):
            for name, values in request.GET.lists():
                if "\x00" in "".join([name, *values]):
                    raise BadRequest("NUL in the query.")
        return self.get_response(request)
