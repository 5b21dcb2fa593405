"""Lists of staff are narrowed by their filters alone: no other field answers questions."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.filters import FieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth.models import User
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.exceptions import SuspiciousOperation
from django.test import RequestFactory
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from charges.models import Charge
from partners.models import ApiKey
from webhooks.models import Delivery, Endpoint

EVERY = list(admin.site._registry.items())
LOOKUPS = ["", "__exact", "__regex", "__startswith", "__gt", "__in", "__isnull"]
HOSTILE = ["x", "9" * 40, "99999-01-01"]


def path_to(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def declared(page, request):
    """The parameters that the list's filters read."""
    found = set()
    for each in page.get_list_filter(request):
        if callable(each):
            spec = each(request, {}, page.model, page)
        else:
            path, make = each if isinstance(each, tuple | list) else (each, FieldListFilter.create)
            field = get_fields_from_path(page.model, path)[-1]
            spec = make(field, request, {}, page.model, page, field_path=path)
        found.update(spec.expected_parameters())
    return found


def questions(model):
    """A lookup of every kind for every field of the model, and of what it points at."""
    for field in model._meta.get_fields():
        yield from (f"{field.name}{lookup}" for lookup in LOOKUPS)
        if field.related_model:
            for far in field.related_model._meta.get_fields():
                yield from (f"{field.name}__{far.name}{lookup}" for lookup in ("", "__regex"))


@pytest.fixture
def asked(committed):
    """A request of somebody who may see everything, with that query."""
    user = User.objects.create_superuser("ada")

    def asked(**query):
        request = RequestFactory().get("/admin/", query)
        request.user = user
        return request

    return asked


def answered(page, names, asked):
    """Those of the lookups that the list would look up."""
    for name in names:
        try:
            page.get_changelist_instance(asked(**{name: "1"}))
            yield name
        except (IncorrectLookupParameters, SuspiciousOperation):
            pass


def test_no_list_answers_what_it_has_no_filter_for(asked):
    found = {}
    for model, page in EVERY:
        names = set(questions(model)) - declared(page, asked())
        if wrong := list(answered(page, names, asked)):
            found[model._meta.label] = wrong

    assert found == {}


def test_every_filter_takes_any_value_without_a_fault(asked):
    found = {}
    for model, page in EVERY:
        for name in [*declared(page, asked()), "p", "o"]:
            for value in HOSTILE:
                request = asked(**{name: value})
                request._messages = CookieStorage(request)
                try:
                    list(page.get_changelist_instance(request).result_list)
                except (IncorrectLookupParameters, SuspiciousOperation):
                    pass
                except Exception as error:  # noqa: BLE001 -- each is a 500
                    found[f"{model._meta.label} {name}={value}"] = error

    assert found == {}


@pytest.mark.parametrize("begin", ["", "e=1&"])
def test_the_lowest_role_reads_no_secret_by_guessing(begin, api, person):
    secret = api.post("/webhooks/endpoints", {"url": "http://127.0.0.1:9/"}).json()["secret"]
    jo = person("jo", "support")
    path = path_to(Endpoint)

    right, wrong = (
        jo.get(f"{path}?{begin}secret__regex=^{guess}") for guess in (secret[:8], "whsec_-")
    )

    assert (right.status_code, right.content) == (wrong.status_code, wrong.content)
    assert right.status_code == 302 or secret not in right.content.decode()
    assert "cl" not in (right.context or {})


SECRETS = [
    (Endpoint, "secret"), (Endpoint, "previous_secret"), (Charge, "client_secret"),
    (ApiKey, "secret_hash"), (Delivery, "endpoint__secret"), (Delivery, "endpoint__url"),
    (TOTPDevice, "key"), (User, "password"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "field"), SECRETS)
@pytest.mark.parametrize("page", ["", "export"])
def test_a_question_about_a_secret_is_not_answered(model, field, page, root):
    if page and model is User:
        pytest.skip("users are no file")

    answer = root.get(f"{path_to(model)}{page}?{field}__regex=^a")

    assert answer.status_code in (302, 400)
    assert answer.get("Location", "?e=1").endswith("?e=1")


@pytest.mark.parametrize("query", ["q=%00", "a%00=1", "status__exact=a%00"])
def test_a_nul_in_the_query_of_a_list_is_refused(query, root):
    answers = {
        model._meta.label: root.get(f"{path_to(model)}?{query}").status_code for model, _ in EVERY
    }

    assert answers == dict.fromkeys(answers, 400)


OTHER_PAGES = [
    "/admin/?period=%00", "/admin/?partner=%00", "/admin/find?s=%00", "/admin/login/?next=%00",
    "/admin/autocomplete/?app_label=charges&model_name=charge&field_name=partner&term=%00",
    "/admin/autocomplete/?app_label=%00&model_name=charge&field_name=partner&term=a",
    "/admin/charges/charge/export?currency=%00",
]  # fmt: skip


@pytest.mark.parametrize("path", OTHER_PAGES)
def test_a_nul_in_any_query_of_staff_is_refused(path, root):
    assert root.get(path).status_code == 400
