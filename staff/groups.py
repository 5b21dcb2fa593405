"""Who may do what: the groups of staff, written after each `migrate` as they are said here."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Q

from staff.models import PERMISSIONS

APPS = ["partners", "webhooks", "wallets", "charges", "installments"]
SEEN = Q(codename__startswith="view_") & Q(content_type__app_label__in=APPS)
TRAIL = Q(codename__in=["view_auditentry", "view_approval"], content_type__app_label="staff")
EXPORT = Q(codename="export", content_type__app_label="staff")
DEEDS = Q(codename__in=[name for name, _ in PERMISSIONS], content_type__app_label="staff")
KEYS = Q(codename__in=["apikey_rotate", "apikey_revoke"], content_type__app_label="staff")

GROUPS: dict[str, Q] = {
    "support": SEEN,
    "finance": SEEN | TRAIL | (DEEDS & ~KEYS),
    "auditor": SEEN | TRAIL | EXPORT,
    "administrator": Q(),
}


def write_groups(**_: Any) -> None:
    """Each group has exactly these permissions; other groups, and who is in them, stay. Where the
    tables of people are not migrated yet there is nothing to write.
    """
    if Group._meta.db_table not in connection.introspection.table_names():
        return
    for name, allowed in GROUPS.items():
        group, _is_new = Group.objects.get_or_create(name=name)
        group.permissions.set(Permission.objects.filter(allowed))
