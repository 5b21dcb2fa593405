"""Above each list: years, months and days to drill into, and the list as a file."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.inclusion_tag("staff/list_tools.html", takes_context=True)
def list_tools(context: dict[str, Any], changes: Any) -> dict[str, Any]:
    from staff import list_tools

    return list_tools.tools(context["request"], changes)
