from django.apps import AppConfig
from django.db.models.signals import post_migrate


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from webhooks.services import sync_operator_endpoints

        def sync(**kwargs: object) -> None:
            sync_operator_endpoints()

        post_migrate.connect(sync, sender=self, weak=False)
