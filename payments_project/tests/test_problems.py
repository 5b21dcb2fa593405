from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest
from django.test import Client
from rest_framework.exceptions import APIException

from payments_project import pages, problems
from payments_project.tests.conftest import operations, problem
from wallets import services as wallets

APPS = ["foundation", "partners", "webhooks", "wallets", "charges", "installments"]
# These never reach the API: each is caught inside, or belongs to commands.
INTERNAL = {
    "foundation.states.IllegalMove": "who locks a row looks before: a fault of ours",
    "partners.services.KeyEnding": "staff alone rotate keys, who read it",
    "partners.services.NameMissing": "create_partner alone names partners",
    "partners.services.PartnerExists": "create_partner alone names partners",
    "partners.services.UnknownScope": "create_api_key alone chooses scopes",
    "wallets.services.adjusting.OwedLess": "staff alone adjust",
    "wallets.services.adjusting.SameAccount": "staff alone adjust",
    "wallets.services.adjusting.WalletCurrencyDiffers": "staff alone adjust",
    "wallets.money.InvalidAmount": "minor_units makes it a field error",
    "wallets.money.AmountPrecision": "minor_units makes it a field error",
    "charges.card_money.Inexpressible": "the gateway makes it Refused, or NotUnderstood",
    "charges.splits.InvalidPercentage": "InstructionBody makes it a field error",
    "charges.gateway.client.NoRoom": "a worker asks later, or ProcessorUnavailable",
    "charges.gateway.client.OutcomeUnknown": "charges.services makes it a state",
    "charges.gateway.client.NotExecuted": "charges.services makes it a state",
    "charges.gateway.client.NotUnderstood": "charges.services makes it a state",
    "charges.gateway.client.Refused": "charges.services makes it a state",
    "charges.gateway.client.RefusedForNow": "charges.services makes it a state",
    "charges.gateway.client.CustomerGone": "charges.services makes another customer",
    "charges.gateway.client.Declined": "the gateway makes it an intent",
    "charges.services.sync_refunds.RefundUnsettled": "stripe_events puts the event off",
    "charges.services.sync_disputes.ChargeNotSettled": "stripe_events puts the event off",
    "charges.services.sync_disputes.DisputeMoving": "stripe_events puts the event off",
    "charges.services.reviews.NothingToReview": "staff alone review",
    "charges.services.reviews.ReviewInProgress": "staff alone review",
    "charges.services.reviews.EvidenceContradicts": "staff alone review",
    "installments.schedule.PartTooSmall": "planning makes it InvalidSchedule",
    "webhooks.egress.NotPublic": "registration makes it UrlRefused, a delivery its attempt's error",
}


def modules():
    for app in [*APPS, "payments_project"]:
        package = importlib.import_module(app)
        for found in pkgutil.walk_packages(package.__path__, f"{app}."):
            if ".tests" not in found.name and ".migrations" not in found.name:
                yield importlib.import_module(found.name)


def exceptions():
    return {
        f"{module.__name__}.{name}": cls
        for module in modules()
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Exception) and cls.__module__ == module.__name__
    }


def test_every_domain_error_has_a_problem_or_is_known_to_stay_inside():
    facts = {name: cls for name, cls in exceptions().items() if not issubclass(cls, APIException)}

    assert {name for name, cls in facts.items() if cls not in problems.DOMAIN} == set(INTERNAL)


def test_every_api_error_has_a_problem():
    ours = [cls for cls in exceptions().values() if issubclass(cls, APIException)]

    assert ours
    assert [cls for cls in ours if cls.default_code not in problems.API] == []


def test_one_code_has_one_status_and_title():
    seen = {}
    for found in [*problems.DOMAIN.values(), *problems.API.values()]:
        assert seen.setdefault(found.code, (found.status, found.title)) == (
            found.status, found.title,
        )  # fmt: skip


@pytest.mark.parametrize("code", problems.catalogue())
def test_every_code_has_a_page(code):
    page = Client().get(f"/docs/errors/{code}", secure=True)

    assert page.status_code == 200
    assert problems.catalogue()[code].title in page.content.decode().replace("&#x27;", "'")


def test_one_page_lists_all_codes():
    page = Client().get("/docs/errors", secure=True).content.decode()

    assert [code for code in problems.catalogue() if f'id="{code}"' not in page] == []


def test_an_unknown_code_has_no_page():
    assert Client().get("/docs/errors/nope", secure=True).status_code == 404


@pytest.mark.parametrize("path", ["/nope", "/wallets/", "/webhooks/endpoints/", "/%ff", "/docs/x"])
def test_an_unknown_path_is_a_problem(path):
    answer = Client().get(path, secure=True)

    assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")


def test_an_unknown_method_is_a_problem(api):
    assert problem(api.delete("/wallets"))["code"] == "method_not_allowed"


def test_a_strange_accept_header_gets_json(api):
    answer = api.client.get(
        "/wallets",
        headers={"authorization": f"Bearer {api.key}", "accept": "text/html"},
        secure=True,
    )

    assert answer["Content-Type"] == "application/json"


def test_an_unknown_host_is_a_problem(settings):
    settings.ALLOWED_HOSTS = ["payments.example"]

    answer = Client(raise_request_exception=False).get("/wallets", secure=True)

    assert problem(answer)["status"] == 400


def test_our_own_fault_is_a_problem_without_a_traceback(api, monkeypatch):
    def broken(**_):
        raise KeyError("s3cr3t")

    monkeypatch.setattr(wallets, "create_wallet", broken)

    answer = api.post("/wallets", {"customer_id": "ada"})

    assert (answer.status_code, problem(answer)["code"]) == (500, "internal_error")
    assert b"s3cr3t" not in answer.content


def test_a_fault_outside_the_api_is_a_problem_too(monkeypatch):
    monkeypatch.setattr(pages, "render", None)

    answer = Client(raise_request_exception=False).get("/docs/errors", secure=True)

    assert problem(answer)["code"] == "internal_error"


def test_a_field_error_names_field_code_and_detail(api):
    found = problem(api.post("/wallets", {"customer_id": "a b", "color": "red"}))

    assert [(e["field"], e["code"]) for e in found["errors"]] == [("color", "unknown_field")]


def test_a_nested_field_error_names_its_place(api):
    found = problem(
        api.post(
            "/charges",
            {"customer_id": "ada", "amount": "1.00", "split_instructions": [
                {"recipient": "bob", "amount": "1.00"}, {"recipient": "a b", "amount": "1.00"},
            ]},
        )
    )  # fmt: skip

    assert [e["field"] for e in found["errors"]] == ["split_instructions[1].recipient"]


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p, _ in operations()])
def test_every_operation_needs_a_key(method, path):
    filled = re.sub(r"\{.*?\}", "00000000-0000-7000-8000-000000000000", path)

    answer = getattr(Client(), method)(filled, secure=True)

    assert (answer.status_code, problem(answer)["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "path", ["/nope", "/charges/", "/charges/nope/refunds", "/charges/x/cancel"]
)
@pytest.mark.parametrize("method", ["post", "patch", "delete"])
def test_a_write_to_no_route_is_a_404_problem(path, method):
    client = Client(enforce_csrf_checks=True)

    answer = getattr(client, method)(path, {}, content_type="application/json", secure=True)

    assert (answer.status_code, problem(answer)["code"]) == (404, "not_found")
