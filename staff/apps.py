from __future__ import annotations

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate, post_save


class StaffConfig(AppConfig):
    name = "staff"
    verbose_name = "Staff"

    def ready(self) -> None:
        from foundation.pages import exported
        from staff import groups, trail

        post_migrate.connect(groups.write_groups, sender=self, dispatch_uid="staff.groups")
        post_save.connect(
            trail.note_edit, sender="admin.LogEntry", dispatch_uid="staff.trail.edits"
        )
        exported.connect(trail.note_export, dispatch_uid="staff.trail.exports")
        user_logged_in.connect(trail.note_login, dispatch_uid="staff.trail.logins")
