"""The staff pages, over data made through the API."""

from __future__ import annotations

import os
from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from charges import services as charges
from charges.models import Charge
from charges.tests.steps import create, disputes_of, hear, hear_of_disputes
from conftest import BY
from devstack.stripe_sandbox.client import SandboxControl
from foundation.pages import ReadOnlyAdmin, link
from installments import tasks
from installments.models import CollectionPolicy, Installment, InstallmentOrder
from partners import quarantine
from partners.leases import Lease
from partners.models import ApiKey, Partner
from staff.actions import ACTIONS
from staff.services import Person, carry_out
from wallets.admin import amount_text
from wallets.models import LedgerTransaction, Wallet
from webhooks import services as webhooks
from webhooks.models import Delivery, Endpoint, Event

OURS = ["partners", "webhooks", "wallets", "charges", "installments", "staff"]
MODELS = [model for app in OURS for model in apps.get_app_config(app).get_models()]
LISTED = list(admin.site._registry)
READ_ONLY = [
    model
    for model, page in admin.site._registry.items()
    if isinstance(page, ReadOnlyAdmin) and model in MODELS
]
pytestmark = pytest.mark.usefixtures("plain_static_files")
EDITED = {Partner, ApiKey, Endpoint, CollectionPolicy}
SCRIPT = "<script>alert(1)</script>"
NOBODY = "http://127.0.0.1:9/hooks"


def browser(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def staff(committed):
    return browser(User.objects.create_superuser("ada"))


def page(model, action="changelist", *args):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{action}"
    return reverse(name, args=[quote(arg) for arg in args])


def get(staff, path, **query):
    return staff.get(path, query, secure=True)


def post(staff, path, **data):
    return staff.post(path, data, secure=True)


def text(answer):
    assert answer.status_code == 200, answer
    return answer.content.decode()


def listed(staff, model, **query):
    """The ids in the list, as the page would show them."""
    return {row.pk for row in get(staff, page(model), **query).context["cl"].result_list}


def flag(charge_id):
    """As if the processor had contradicted after the end."""
    Charge.objects.filter(id=charge_id).update(needs_review=SCRIPT)


def lose(charge_id):
    """The bank decides against us."""
    (dispute_id,) = disputes_of(charge_id)
    SandboxControl(os.environ["STRIPE_API_BASE"]).close_dispute(dispute_id, "lost")
    hear_of_disputes(charge_id, timezone.now())


def stop_card(api, customer):
    """A card that was reported lost after it was saved."""
    lost = {"customer_id": customer, "payment_method": "pm_card_visa", "default": False}
    saved = api.post("/payment-methods", lost).json()["payment_method"]
    SandboxControl(os.environ["STRIPE_API_BASE"]).become(saved, "chargeDeclinedLostCard")
    charge = {"customer_id": customer, "amount": "5.00", "use_wallet": False}
    api.post("/charges", {**charge, "payment_method": saved})


def make_rows(api, customer):
    """At least one more row of everything that the API makes."""
    api.post("/wallets", {"customer_id": customer})
    credit = {"amount": "2000.00", "description": SCRIPT, "reference": f"ref-{customer}"}
    api.post(f"/wallets/{customer}/credit", credit)
    api.post("/payment-methods", {"customer_id": customer, "payment_method": "pm_card_visa"})
    charge = {"customer_id": customer, "amount": "1234.50", "description": SCRIPT}
    api.post("/charges", {**charge, "metadata": {"note": SCRIPT}})
    api.post("/charges", {**charge, "payment_method": "pm_card_visa", "use_wallet": False})
    disputed = {"payment_method": "pm_card_createDispute", "use_wallet": False}
    disputed = api.post("/charges", {**charge, **disputed}).json()
    hear_of_disputes(disputed["id"], timezone.now())
    lose(disputed["id"])
    stop_card(api, customer)
    refunded = api.post("/charges", {**charge, "amount": "10.00"}).json()
    refund = {"amount": "1.00", "reason": SCRIPT}
    api.post(f"/charges/{refunded['id']}/refunds", refund)
    hear("payment_intent.succeeded", disputed["external_charge_id"], timezone.now())
    charges.sync_events(now=timezone.now())
    flag(refunded["id"])
    charges.acknowledge(charge_id=refunded["id"], reason=SCRIPT, by=BY, now=timezone.now())
    order = {"customer_id": customer, "amount": "300.00", "installment_count": 3}
    today = timezone.now().date().isoformat()
    made = api.post("/installments/orders", {**order, "first_due_date": today}).json()
    last = f"/installments/installments/{made['installments'][-1]['id']}"
    api.patch(last, {"due_date": "2099-01-31", "reason": SCRIPT})
    policy = {"name": "patient", "offsets": [0, 7], "grace_days": 3}
    CollectionPolicy.objects.get_or_create(partner=Partner.objects.get(), defaults=policy)
    tasks.sweep()
    webhooks.deliver_due()
    assert Lease(f"task.{uuid4()}", uuid4()).acquire()  # by a run that is under way
    broken = Installment.objects.filter(order_id=made["id"]).values_list("id", flat=True)
    quarantine.count(
        "collect", Installment, broken, reason=SCRIPT, is_passing=False, now=timezone.now()
    )
    ask_for_credit(Wallet.objects.get(customer_id=customer))


def ask_for_credit(wallet):
    """More than one person may decide about: a request, and an entry of the audit trail."""
    action = ACTIONS["credit"]
    form = action.form(wallet, {"amount": "5000", "reason": SCRIPT})
    assert form.is_valid()
    person = Person(User.objects.get_or_create(username="fay", is_superuser=True)[0])
    carry_out(action, wallet, form, token=uuid4(), person=person, now=timezone.now())


@pytest.fixture
def lively(api, sandbox):
    api.post("/webhooks/endpoints", {"url": NOBODY, "description": SCRIPT})
    make_rows(api, "ada")
    return api


@pytest.fixture
def scheduled(committed):
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="minutes")
    CrontabSchedule.objects.get_or_create(minute="0")
    PeriodicTask.objects.get_or_create(name="sweep", task="installments.sweep", interval=every)
    Group.objects.get_or_create(name="support")


# Pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_model_has_a_page(model):
    assert admin.site.is_registered(model)


def test_every_list_answers(staff, lively, scheduled):
    answers = {model: get(staff, page(model)).status_code for model in LISTED}

    assert answers == dict.fromkeys(LISTED, 200)


def test_every_list_answers_without_rows(staff):
    answers = {model: get(staff, page(model)).status_code for model in LISTED}

    assert answers == dict.fromkeys(LISTED, 200)


def test_every_row_of_ours_has_a_detail_page(staff, lively):
    answers = {m: get(staff, page(m, "change", m.objects.first().pk)).status_code for m in MODELS}

    assert answers == dict.fromkeys(MODELS, 200)


def test_people_and_schedules_have_detail_pages(staff, scheduled):
    models = [User, Group, PeriodicTask, IntervalSchedule, CrontabSchedule]

    answers = [get(staff, page(m, "change", m.objects.first().pk)).status_code for m in models]

    assert answers == [200] * len(models)


def sidebar(staff):
    groups = get(staff, "/admin/").context["sidebar_navigation"]
    return [item["link"] for group in groups for item in group["items"]]


def test_the_sidebar_leads_to_the_list_of_every_model(staff):
    links = sidebar(staff)

    assert {page(model) for model in [*MODELS, User, Group, PeriodicTask]} <= set(links)
    assert {get(staff, link).status_code for link in links} == {200}


def test_the_sidebar_shows_what_the_person_may_see(committed):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_charge"))

    assert sidebar(browser(user)) == ["/admin/", page(Charge)]


# Read-only ---------------------------------------------------------------------------------


def test_everything_but_partners_keys_and_endpoints_is_read_only():
    assert set(READ_ONLY) == set(MODELS) - EDITED


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model._meta.label)
def test_a_superuser_cannot_write_rows(staff, lively, model):
    row = model.objects.first()
    paths = [page(model, "add"), page(model, "change", row.pk), page(model, "delete", row.pk)]

    answers = [post(staff, path, post="yes").status_code for path in paths]

    assert answers == [403, 403, 403]


def test_nothing_of_ours_can_be_deleted(staff, lively):
    before = {model: model.objects.count() for model in MODELS}

    for model in set(MODELS) - {CollectionPolicy}:
        chosen = str(model.objects.first().pk)
        post(staff, page(model), action="delete_selected", _selected_action=chosen, post="yes")
        post(staff, page(model, "delete", chosen), post="yes")

    assert {model: model.objects.count() for model in MODELS} == before


def test_staff_give_a_partner_a_policy_and_change_it(staff, partner):
    policy = {
        "partner": str(partner.pk), "name": "patient", "offsets": "0, 7, 14", "grace_days": "3",
        "default_after_days": "60",
    }  # fmt: skip

    post(staff, page(CollectionPolicy, "add"), **policy)
    made = CollectionPolicy.objects.get()
    post(staff, page(CollectionPolicy, "change", made.pk), **policy | {"offsets": "0, 2"})

    made.refresh_from_db()
    assert (made.partner, made.offsets, made.default_after_days) == (partner, [0, 2], 60)


@pytest.mark.parametrize("offsets", ["", "1, 2", "0, 3, 3", "0, -1", "0, 400", "soon"])
def test_a_policy_without_sense_is_refused_in_words(staff, partner, offsets):
    policy = {"partner": str(partner.pk), "name": "odd", "offsets": offsets}

    answer = post(
        staff, page(CollectionPolicy, "add"), **policy, grace_days="0", default_after_days="30"
    )

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["offsets"]
    assert not CollectionPolicy.objects.exists()


def test_without_its_policy_a_partner_is_back_to_the_standard(staff, lively):
    policy = CollectionPolicy.objects.get()

    post(staff, page(CollectionPolicy, "delete", policy.pk), post="yes")

    assert not CollectionPolicy.objects.exists()


# Lists -------------------------------------------------------------------------------------


def test_lists_ask_no_more_queries_for_more_rows(staff, lively):
    def queries(model):
        with CaptureQueriesContext(connection) as captured:
            get(staff, page(model))
        return len(captured)

    few = {model: queries(model) for model in MODELS}
    for customer in ("ben", "chloe"):
        make_rows(lively, customer)

    assert {model: queries(model) for model in MODELS} == few


def test_details_ask_no_more_queries_for_more_rows(staff, lively):
    wallet = Wallet.objects.get()

    def queries():
        with CaptureQueriesContext(connection) as captured:
            get(staff, page(Wallet, "change", wallet.pk))
        return len(captured)

    queries()  # the first page fills Django's own caches
    few = queries()
    make_rows(lively, "ada")

    assert queries() == few


def test_a_charge_is_found_by_its_intent(staff, lively):
    charge = Charge.objects.get(
        external_charge_id__startswith="pi_", dispute_status="", status="succeeded"
    )

    assert listed(staff, Charge, q=charge.external_charge_id) == {charge.pk}


def test_a_charge_is_found_by_its_id_and_its_order(staff, lively):
    order = InstallmentOrder.objects.get()
    charge = Charge.objects.get(installment_order_id=order.id)

    assert listed(staff, Charge, q=str(charge.id)) == {charge.pk}
    assert listed(staff, Charge, q=f" {order.id} ") == {charge.pk}


def test_a_customer_whose_id_is_a_uuid_is_found(staff, lively):
    customer = str(uuid4())
    make_rows(lively, customer)

    assert listed(staff, Wallet, q=customer) == {Wallet.objects.get(customer_id=customer).pk}


def test_rows_of_a_customer_are_found_by_part_of_the_id(staff, lively):
    make_rows(lively, "chloe")

    found = listed(staff, InstallmentOrder, q="chlo")

    assert found == {InstallmentOrder.objects.get(customer_id="chloe").pk}


def test_a_posting_is_found_by_its_reference(staff, lively):
    posting = LedgerTransaction.objects.get(reference="ref-ada")

    assert listed(staff, LedgerTransaction, q="ref-ada") == {posting.pk}


def test_a_delivery_is_found_by_what_its_event_is_about(staff, lively):
    charge = Charge.objects.first()

    found = listed(staff, Delivery, q=str(charge.id))

    assert found == {Delivery.objects.get(event__resource_id=charge.id).pk}


def test_the_period_includes_its_last_day(staff, lively):
    today = timezone.now().date()
    until_today = {"created_at_from": today, "created_at_to": today}
    until_yesterday = {"created_at_to": today - timedelta(days=1)}

    assert listed(staff, Charge, **until_today) == {c.pk for c in Charge.objects.all()}
    assert listed(staff, Charge, **until_yesterday) == set()


def test_filters_narrow_the_list(staff, lively, partner):
    nobody = Partner.objects.create(name="Other", created_at=timezone.now())

    assert len(listed(staff, Charge, partner__id__exact=partner.id)) == 6
    assert listed(staff, Charge, partner__id__exact=nobody.id) == set()
    assert len(listed(staff, Charge, currency="usd", status__exact="succeeded")) == 5
    assert listed(staff, Charge, currency="EUR") == set()
    assert listed(staff, Charge, review="needed") == set()
    assert len(listed(staff, Delivery, type="installment.paid")) == 1
    assert len(listed(staff, ApiKey, state="live")) == 1
    assert listed(staff, ApiKey, state="revoked") == set()


# What is shown -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123450, "USD", "$1,234.50"),
        (-50, "USD", "-$0.50"),
        (1234567, "JPY", "¥1,234,567"),
        (1250, "KWD", "KWD 1.250"),
        (-5, "CHF", "-CHF 0.05"),
        (100000000000001, "CAD", "CA$1,000,000,000,000.01"),
        (0, "EUR", "€0.00"),
    ],
)
def test_amounts_are_for_people(minor, currency, shown):
    assert amount_text(minor, currency) == shown


def test_a_row_without_a_page_is_named_and_not_linked():
    assert link("nowhere", 1, "<b>") == "&lt;b&gt;"
    assert link("charge", None) is None


def test_a_charge_shows_its_money_its_entries_and_its_events(staff, lively):
    charge = Charge.objects.get(
        external_charge_id__startswith="pi_", dispute_status="", status="succeeded"
    )
    posting = LedgerTransaction.objects.get(charge_id=charge.id)
    event = Event.objects.get(resource_id=charge.id)

    shown = text(get(staff, page(Charge, "change", charge.pk)))

    assert "$1,234.50" in shown
    assert page(LedgerTransaction, "change", posting.pk) in shown
    assert page(Event, "change", event.pk) in shown


def test_an_order_shows_its_installments_and_their_charges(staff, lively):
    order = InstallmentOrder.objects.get()
    paid = Installment.objects.get(status="paid")

    shown = text(get(staff, page(InstallmentOrder, "change", order.pk)))

    assert page(Installment, "change", paid.pk) in shown
    assert page(Charge, "change", paid.charge_id) in shown
    assert page(Partner, "change", order.partner_id) in shown


def test_an_event_leads_to_its_resource_and_its_deliveries(staff, lively):
    event = Event.objects.get(type="installment_order.activated")

    shown = text(get(staff, page(Event, "change", event.pk)))

    assert page(InstallmentOrder, "change", event.resource_id) in shown
    assert page(Delivery, "change", event.deliveries.get().pk) in shown


def test_a_delivery_shows_its_attempts(staff, lively):
    delivery = Delivery.objects.filter(attempt_count=1).first()

    assert "no answer" in text(get(staff, page(Delivery, "change", delivery.pk)))


def test_text_of_partners_is_shown_and_never_run(staff, lively):
    paths = [page(model) for model in MODELS]
    paths += [page(model, "change", row.pk) for model in MODELS for row in model.objects.all()]

    shown = "".join(text(get(staff, path)) for path in paths)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert SCRIPT not in shown


def test_no_secret_is_shown(staff, lively):
    endpoint, key = Endpoint.objects.get(), ApiKey.objects.get()

    shown = text(get(staff, page(Endpoint, "change", endpoint.pk)))
    shown += text(get(staff, page(ApiKey, "change", key.pk)))

    assert endpoint.secret not in shown
    assert key.secret_hash not in shown


# What staff do -----------------------------------------------------------------------------


def test_staff_add_a_partner(staff):
    post(staff, page(Partner, "add"), name="Acme", requests_per_minute="")

    partner = Partner.objects.get(name="Acme")
    assert timezone.now() - partner.created_at < timedelta(minutes=1)


def test_a_new_limit_bites_at_once(staff, api, partner):
    assert api.get("/wallets").status_code == 200

    no_keys = {"api_keys-TOTAL_FORMS": "0", "api_keys-INITIAL_FORMS": "0"}
    path = page(Partner, "change", partner.pk)
    answer = post(staff, path, name="Acme", requests_per_minute="1", **no_keys)

    assert answer.status_code == 302
    assert 429 in {api.get("/wallets").status_code for _ in range(3)}


def new_key(staff, partner, **changes):
    data = {"partner": partner.pk, "name": "till", "scopes": ["read"], **changes}
    answer = staff.post(page(ApiKey, "add"), data, secure=True, follow=True)
    return [message.message for message in answer.context["messages"]]


def test_a_new_key_is_shown_once_and_opens_the_api(staff, partner, api):
    told = new_key(staff, partner)
    api.key = told[0].rpartition(" ")[2]

    assert api.get("/wallets").status_code == 200
    assert api.post("/wallets", {"customer_id": "ada"}).status_code == 403
    assert api.key not in text(get(staff, page(ApiKey)))


def test_a_key_without_scopes_is_refused(staff, partner):
    post(staff, page(ApiKey, "add"), partner=partner.pk, name="till")

    assert not ApiKey.objects.exists()


def test_staff_switch_an_endpoint_off_and_change_nothing_else(staff, lively):
    endpoint = Endpoint.objects.get()

    post(staff, page(Endpoint, "change", endpoint.pk), description="Off", url="https://evil.test")

    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.description, endpoint.url) == (False, "Off", NOBODY)


def test_an_endpoint_switched_on_starts_afresh(staff, lively):
    endpoint = Endpoint.objects.get()
    path = page(Endpoint, "change", endpoint.pk)
    assert endpoint.failing_since is not None

    post(staff, path, description="")
    post(staff, path, description="", is_active="on")

    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.failing_since) == (True, None)


def test_the_operators_endpoints_follow_the_setting_alone(staff, settings):
    settings.WEBHOOK_URLS = ["http://127.0.0.1:9/all?token=secret"]
    webhooks.sync_operator_endpoints()
    path = page(Endpoint, "change", Endpoint.objects.get().pk)

    assert post(staff, path, description="mine").status_code == 403
    assert get(staff, path).status_code == 200


# Charges ---------------------------------------------------------------------------------


def test_the_timeline_of_a_charge_is_on_its_page_and_runs_nothing(staff, lively):
    charge = Charge.objects.filter(refunds__isnull=False).first()

    shown = text(get(staff, page(Charge, "change", charge.pk)))

    assert "asked of ada by api_key:" in shown
    assert SCRIPT not in shown


def test_no_page_shows_a_client_secret(staff, partner, sandbox, now):
    made = create(partner, now, payment_method="pm_card_authenticationRequired")

    assert made.client_secret
    assert made.client_secret not in text(get(staff, page(Charge, "change", made.pk)))
