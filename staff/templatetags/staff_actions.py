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
    from staff import showing

    if not isinstance(row, Model):
        return {}
    request = context["request"]
    return {"offered": showing.offered(request, row), "volumes": showing.volumes(request, row)}


@register.inclusion_tag("staff/deeds.html", takes_context=True)
def staff_deeds(context: dict[str, Any], row: Model | str) -> dict[str, Any]:
    from staff import showing

    return {"deeds": showing.deeds(context["request"], row) if isinstance(row, Model) else {}}


@register.simple_tag
def said(field: BoundField) -> str:
    """What was filled in, in the words of its choices."""
    value = field.value()
    choices = dict(getattr(field.field, "choices", []))
    return str(choices.get(value, value) or "-")
