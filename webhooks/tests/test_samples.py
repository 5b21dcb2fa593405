"""The samples for partners receive what we send, once and in order."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from uuid import uuid4

import pytest
from django.conf import settings

from devstack import node
from webhooks import claiming, services, signing
from webhooks.models import Delivery, Endpoint
from webhooks.tests import verifiers

SAMPLES = settings.BASE_DIR / "docs" / "samples"


def in_python(folder):
    return [sys.executable, SAMPLES / "receiver.py"]


def in_node(folder):
    """Beside the packages that a partner would have installed."""
    node.install(verifiers.HERE)
    (folder / "node_modules").symlink_to(verifiers.HERE / "node_modules")
    return [node.COMMAND, shutil.copy(SAMPLES / "receiver.mjs", folder)]


@pytest.fixture(params=[in_python, in_node])
def sample(request, subscribe, tmp_path):
    """The sample at an endpoint of the partner; `sample()` ends it and returns what it printed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    endpoint = subscribe(f"http://127.0.0.1:{port}/")
    process = subprocess.Popen(
        [*request.param(tmp_path), str(port)],
        env=os.environ | {"WEBHOOK_SECRET": endpoint.secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                break
        assert time.monotonic() < deadline, "the sample does not listen"
        time.sleep(0.05)

    def end():
        process.kill()
        return process.communicate()[0].splitlines()

    yield end
    process.kill()
    process.wait()


def statuses():
    return sorted(Delivery.objects.values_list("status", flat=True))


def test_it_takes_each_event_once(sample, publish):
    about = str(uuid4())
    publish(data={"id": about})
    services.deliver_due()
    services.replay_delivery(delivery=Delivery.objects.get(), now=Delivery.objects.get().created_at)
    services.deliver_due()

    assert (statuses(), sample()) == (["delivered"], [f"wallet.credited {about}"])


def test_it_refuses_what_another_secret_signed(sample, publish):
    Endpoint.objects.update(secret=signing.new_secret())
    publish(data={"id": "x"})
    services.deliver_due()

    assert (statuses(), sample()) == (["failed"], [])


def test_it_leaves_old_news_aside(sample, publish):
    resource, about = uuid4(), str(uuid4())
    publish(resource_id=resource, data={"id": about})
    second = publish("wallet.debited", resource_id=resource, data={"id": about})
    first = Delivery.objects.exclude(event=second)
    first.update(next_attempt_at=second.created_at + claiming.LEASE)
    services.deliver_due()
    first.update(next_attempt_at=second.created_at)
    services.deliver_due()

    assert (statuses(), sample()) == (["delivered"] * 2, [f"wallet.debited {about}"])
