"""How the staff pages look, in unfold's words (settings.UNFOLD)."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Payments",
    "SITE_HEADER": "Payments",
    "SITE_SYMBOL": "payments",
    "SITE_FAVICONS": [
        {  # drawn here, so that browsers ask for no /favicon.ico
            "rel": "icon",
            "type": "image/svg+xml",
            "href": "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' "
            "viewBox='0 0 8 8'%3E%3Crect width='8' height='8' rx='2' fill='%23155dfc'/%3E"
            "%3Crect x='2' y='3' width='4' height='2' fill='white'/%3E%3C/svg%3E",
        }
    ],
    "SHOW_HISTORY": False,  # the audit trail is what happened
    "DASHBOARD_CALLBACK": "staff.overview.context",
    "STYLES": [lambda request: static("staff/staff.css")],
    "COMMAND": {"search_callback": "staff.search.find"},
    "ACCOUNT": {
        "navigation": [{"title": "Two-factor", "link": lambda request: reverse("staff-two-factor")}]
    },
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {"show_search": True, "navigation": "payments_project.admin.navigation"},
    "COLORS": {
        "primary": {  # Tailwind's blue
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        }
    },
}
