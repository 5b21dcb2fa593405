"""Celery: a hint, never the truth. What it loses, the next sweep finds in PostgreSQL."""

from __future__ import annotations

import os
from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payments_project.settings")

app = Celery("payments_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """Celery keeps its hands off: LOGGING in settings holds for workers and beat too."""
    import logging.config

    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@task_prerun.connect
def name_the_task(task_id: str, task: Any, **_: Any) -> None:
    """What the task logs says whose it is."""
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


@task_postrun.connect
def forget_the_task(**_: Any) -> None:
    structlog.contextvars.unbind_contextvars("task", "task_id")


@worker_ready.connect
def catch_up(sender: Any, **_: Any) -> None:
    """A worker that starts looks for its lanes' work at once instead of at the next beat."""
    from django.conf import settings

    for lane in sender.app.amqp.queues.consume_from:
        for name in settings.LANES.get(lane, ()):
            app.send_task(name, ignore_result=True)
