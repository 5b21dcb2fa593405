"""`Authorization: Bearer prefix.secret` (RFC 6750), its scopes, and the partner's request rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from partners import access
from partners.models import Scope

if TYPE_CHECKING:  # DRF loads this module while it loads its views
    from rest_framework.views import APIView


class ApiKeyAuthentication(BaseAuthentication):
    """`request.auth` is the Granted access; staff sessions open nothing here."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, access.Granted] | None:
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        granted = access.authenticate(key.strip(), now=timezone.now())
        if granted is None:
            raise AuthenticationFailed
        return AnonymousUser(), granted

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MissingScope(PermissionDenied):
    default_code = "missing_scope"


class HasScope(BasePermission):
    """Reads need `read`; a write needs the view's `write_scope`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, access.Granted):
            return False
        is_read = request.method in SAFE_METHODS
        scope = Scope.READ if is_read else getattr(view, "write_scope", Scope.READ)
        if scope not in request.auth.access.scopes:
            raise MissingScope(f"This key lacks the scope {scope}.")
        return True


class PartnerThrottle(BaseThrottle):
    """At most the partner's requests a minute; open when the broker cannot count."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        granted = request.auth
        if not isinstance(granted, access.Granted) or granted.requests is None:
            return True
        return granted.requests <= granted.access.limit

    def wait(self) -> float:
        return access.WINDOW - timezone.now().timestamp() % access.WINDOW
