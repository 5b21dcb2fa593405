"""What detail pages of every app show of this one: actions above, what was done below.

unfold renders a form while it is imported, which loads this module: hence the imports inside.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Model
from django.forms import BoundField

register = template.Library()


@register.inclusion_tag("staff/actions.html", takes_context=True)
def staff_actions(context: dict[str, Any], row: Model | str) -> dict[str, Any]:
    """Nothing on a page that adds a row."""
    from staff import template_context

    if not isinstance(row, Model):
        return {}
    request = context["request"]
    return {
        "offered": template_context.offered(request, row),
        "volumes": template_context.volumes(request, row),
    }


@register.inclusion_tag("staff/audit_entries.html", takes_context=True)
def staff_audit_entries(context: dict[str, Any], row: Model | str) -> dict[str, Any]:
    """Nothing on a page that adds a row."""
    from staff import template_context

    if not isinstance(row, Model):
        return {"audit_entries": {}}
    return {"audit_entries": template_context.audit_entries(context["request"], row)}


@register.simple_tag
def said(field: BoundField) -> str:
    """What was filled in, in the words of its choices."""
    value = field.value()
    choices = dict(getattr(field.field, "choices", []))
    return str(choices.get(value, value) or "-")
