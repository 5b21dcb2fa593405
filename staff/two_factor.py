"""The page of a person's second factor: set up, given at login, turned off."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Mapping
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django_otp import login
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminTextInputWidget

from staff.trail import note_account

NAME = "authenticator app"


class TokenForm(forms.Form):
    """The six digits of the moment, checked against the device (throttled by django-otp)."""

    token = forms.RegexField(
        r"^[0-9]{6}$",
        label="Code",
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        ),
        error_messages={"invalid": "Six digits."},
    )

    def __init__(self, device: TOTPDevice, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        self.device = device

    def clean_token(self) -> str:
        token = str(self.cleaned_data["token"])
        allowed, _ = self.device.verify_is_allowed()
        if not allowed:
            raise forms.ValidationError("Too many wrong codes. Wait a little, then try again.")
        if not self.device.verify_token(token):
            raise forms.ValidationError("That code is not right, or was used before.")
        return token


def two_factor(request: HttpRequest) -> HttpResponse:
    """With a device it asks for a code; without one it shows how to add one. A code for a device
    that is new confirms it; `off` on a verified session, with a code, removes it.
    """
    user = request.user
    device = TOTPDevice.objects.filter(user=user).order_by("-confirmed", "id").first()
    if device is None or (request.method == "GET" and not device.confirmed):
        device = _fresh(user)
    form = TokenForm(device, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _accept(request, device)
    is_new = not device.confirmed
    context = {
        **admin.site.each_context(request),
        "title": "Two-factor authentication",
        "form": form,
        "is_new": is_new,
        "is_verified": user.is_verified(),  # type: ignore[union-attr]
        "is_forced": settings.STAFF_TWO_FACTOR,
        "picture": _picture(device) if is_new else "",
        "secret": _typed(device) if is_new else "",
    }
    return TemplateResponse(request, "staff/two_factor.html", context)


def _typed(device: TOTPDevice) -> str:
    """The secret as apps take it, in groups of four."""
    text = b32encode(device.bin_key).decode()
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def _fresh(user: Any) -> TOTPDevice:
    """Each look at the picture is of a new secret: who saw an earlier one knows nothing."""
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()
    return TOTPDevice.objects.create(user=user, name=NAME, confirmed=False)


def _accept(request: HttpRequest, device: TOTPDevice) -> HttpResponse:
    if "off" in request.POST and device.confirmed and request.user.is_verified():  # type: ignore[union-attr]
        device.delete()
        note_account(request.user, "Turned two-factor authentication off")
        messages.success(request, "Two-factor authentication is off.")
        return HttpResponseRedirect(reverse("staff-two-factor"))
    if not device.confirmed:
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        note_account(request.user, "Turned two-factor authentication on")
        messages.success(request, "Two-factor authentication is on.")
    login(request, device)
    return HttpResponseRedirect(reverse("admin:index"))


def _picture(device: TOTPDevice) -> str:
    """A QR code as SVG, drawn here: the secret leaves the machine in the answer alone."""
    drawn = segno.make(device.config_url).svg_inline(scale=4, dark="#000", light="#fff")
    return mark_safe(drawn)  # noqa: S308 -- of squares alone
