from __future__ import annotations

import html
import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from charges.models import Charge
from staff import groups
from wallets.models import Wallet


@pytest.fixture(autouse=True)
def every_page_finds_its_static_files(plain_static_files):
    """Of every test here."""


class Browser:
    """A person of staff who is logged in, and what they do on pages."""

    def __init__(self, user):
        self.user = user
        self.client = Client(raise_request_exception=False)
        self.client.force_login(user, "django.contrib.auth.backends.ModelBackend")

    def get(self, path, **query):
        return self.client.get(path, query, secure=True)

    def post(self, path, **data):
        return self.client.post(path, data, secure=True)

    def page(self, row):
        meta = row._meta
        return self.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk]))

    def review(self, action, row, **words):
        """The page that shows what would be done."""
        words.setdefault("reason", "Because.")
        return self.post(path_of(action, row), **words)

    def confirm(self, reviewed, **other):
        """The same form again, confirmed; the answer after its redirect."""
        form = hidden(reviewed) | other
        answer = self.post(reviewed.request["PATH_INFO"], **form)
        return self.get(answer["Location"]) if answer.status_code == 302 else answer

    def act(self, action, row, **words):
        return self.confirm(self.review(action, row, **words))

    def is_offered(self, action, row):
        return path_of(action, row) in text(self.page(row))


def path_of(action, row):
    return reverse("staff-act", args=[action, row.pk])


def text(answer):
    assert answer.status_code == 200, answer
    return answer.content.decode()


def hidden(answer):
    """The hidden fields of the page's form."""
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text(answer))
    return {name: html.unescape(value) for name, value in pairs if name != "csrfmiddlewaretoken"}


def said(answer):
    """The messages that the page shows."""
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def person(committed):
    """`person("ada", "finance")`: a browser of somebody in that group."""
    groups.write_groups()

    def person(name, *names):
        user = User.objects.create_user(name, password="correct horse", is_staff=True)
        user.groups.set(Group.objects.filter(name__in=names))
        return Browser(user)

    return person


@pytest.fixture
def fay(person):
    return person("fay", "finance")


@pytest.fixture
def gil(person):
    return person("gil", "finance")


@pytest.fixture
def wallet(api):
    """Ada's, with 5,000.00 USD."""
    api.post("/wallets", {"customer_id": "ada"})
    api.post("/wallets/ada/credit", {"amount": "5000.00"})
    return Wallet.objects.get()


@pytest.fixture
def charge(api, wallet, sandbox):
    """100.00 by ada's card and 50.00 of her wallet, 10 % of it for a seller."""
    api.post("/wallets", {"customer_id": "seller"})
    api.post("/wallets/ada/debit", {"amount": "4950.00"})
    body = {
        "customer_id": "ada", "amount": "150.00", "payment_method": "pm_card_visa",
        "split_instructions": [{"recipient": "seller", "percentage": "10"}],
    }  # fmt: skip
    made = api.post("/charges", body).json()
    assert made["status"] == "succeeded", made
    return Charge.objects.get()


@pytest.fixture
def root(committed):
    return Browser(User.objects.create_superuser("root"))
