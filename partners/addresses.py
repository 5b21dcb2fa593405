"""Where a request comes from."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "0.0.0.0"  # noqa: S104
NETWORK = 64
"""Bits of an IPv6 address that name a customer of a provider; the others are the customer's own."""


def client_address(request: HttpRequest) -> str:
    """Of the client, behind as many proxies of our own as settings.PROXIES says.

    Always an address that PostgreSQL's inet takes: what a proxy says without sense counts for
    nothing, and UNKNOWN is who came without any (by a socket of the system, say).
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    is_told = settings.PROXIES and len(forwarded) >= settings.PROXIES
    forwarded_for = forwarded[-settings.PROXIES] if is_told else ""
    return _parse(forwarded_for) or _parse(request.META.get("REMOTE_ADDR", "")) or UNKNOWN


def client_network(request: HttpRequest) -> str:
    """The address, or the /64 of an IPv6 one."""
    address = client_address(request)
    if ":" in address:
        return str(ip_network(f"{address}/{NETWORK}", strict=False))
    return address


def _parse(text: str) -> str:
    """The address without brackets, port or zone; of IPv4 in IPv6 its own; empty if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
