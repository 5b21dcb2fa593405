from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client

from wallets.models import LedgerTransaction
from webhooks.models import Event


def get(path="/health", **headers):
    return Client().get(path, headers=headers, secure=True)


@pytest.mark.parametrize("path", ["/", "/health", "/wallets", "/nope", "/docs/errors"])
def test_every_answer_carries_an_id_of_its_own(path):
    one, two = get(path)["X-Request-Id"], get(path)["X-Request-Id"]

    assert UUID(one) != UUID(two)


@pytest.mark.parametrize("sane", ["a", "req-1", "01a20a75-46b5", "A.b:c+d/e=", "x" * 128])
def test_a_sane_id_of_the_caller_is_kept(sane):
    assert get(**{"x-request-id": sane})["X-Request-Id"] == sane


@pytest.mark.parametrize(
    "insane", ["", "x" * 129, "a b", "é", "<script>", "a\tb", '"a"', "a;b", "a\x00b"]
)
def test_an_insane_id_is_replaced(insane):
    assert UUID(get(**{"x-request-id": insane})["X-Request-Id"])


def test_ledger_and_events_carry_the_id(api):
    api.post("/wallets", {"customer_id": "ada"})

    api.post("/wallets/ada/credit", {"amount": "1.00"}, **{"x-request-id": "req-7"})

    assert LedgerTransaction.objects.get().request_id == "req-7"
    assert Event.objects.get().request_id == "req-7"


def test_the_ledger_says_which_key_asked(api):
    api.post("/wallets", {"customer_id": "ada"})

    api.post("/wallets/ada/credit", {"amount": "1.00"})

    assert LedgerTransaction.objects.get().actor == f"api_key:{api.key.split('.')[0]}"
