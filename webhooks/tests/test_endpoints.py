from __future__ import annotations

import pytest

from webhooks import services
from webhooks.models import Endpoint
from webhooks.tests.conftest import Answer

URL = "https://8.8.8.8/hook"
SHOWN = {
    "id", "url", "event_types", "description", "is_active", "disabled_reason", "created_at",
    "updated_at",
}  # fmt: skip


@pytest.fixture
def endpoint(api):
    """An endpoint as its creation answered."""
    return api.post("/webhooks/endpoints", {"url": URL}).json()


def path(endpoint):
    return f"/webhooks/endpoints/{endpoint['id']}"


def test_a_new_endpoint_is_active_and_wants_all(api):
    answer = api.post("/webhooks/endpoints", {"url": URL})

    made = answer.json()
    assert answer.status_code == 201
    assert (made["url"], made["event_types"], made["is_active"]) == (URL, [], True)


def test_the_secret_is_shown_at_creation(endpoint):
    assert endpoint["secret"].startswith("whsec_")


def test_the_secret_is_not_shown_again(api, endpoint):
    shown = api.get(path(endpoint)).json()
    listed = api.get("/webhooks/endpoints").json()["results"][0]
    changed = api.patch(path(endpoint), {"description": "mine"}).json()

    assert set(shown) == set(listed) == set(changed) == SHOWN


def test_endpoints_are_listed_newest_first(api):
    made = [api.post("/webhooks/endpoints", {"url": URL}).json()["id"] for _ in range(3)]

    assert [e["id"] for e in api.get("/webhooks/endpoints").json()["results"]] == made[::-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://8.8.8.8/other"},
        {"event_types": ["charge.failed"]},
        {"description": "mine"},
        {"is_active": False},
    ],
)
def test_each_field_can_be_changed_alone(changes, api, endpoint):
    answer = api.patch(path(endpoint), changes)

    assert answer.status_code == 200
    before = {name: value for name, value in endpoint.items() if name != "secret"}
    assert answer.json() == before | changes | {"updated_at": answer.json()["updated_at"]}


def test_an_endpoint_made_active_again_starts_afresh(api, receive, publish):
    endpoint = api.post("/webhooks/endpoints", {"url": receive(Answer(410)).url}).json()
    publish()
    services.deliver_due()
    assert api.get(path(endpoint)).json()["disabled_reason"]

    shown = api.patch(path(endpoint), {"is_active": True}).json()

    assert (shown["is_active"], shown["disabled_reason"]) == (True, "")
    assert Endpoint.objects.get().failing_since is None


def test_a_deleted_endpoint_is_gone(api, endpoint):
    assert api.delete(path(endpoint)).status_code == 204

    assert api.get(path(endpoint)).status_code == 404
    assert api.get("/webhooks/endpoints").json()["results"] == []


def test_deleting_ends_what_was_owed_and_keeps_the_log(api, endpoint, publish):
    publish()

    api.delete(path(endpoint))

    owed = api.get("/webhooks").json()["results"]
    assert [(d["status"], d["next_attempt_at"]) for d in owed] == [("exhausted", None)]


@pytest.mark.parametrize("method", ["get", "delete"])
def test_another_partners_endpoint_is_not_there(method, endpoint, make_api, other_partner):
    assert getattr(make_api(other_partner), method)(path(endpoint)).status_code == 404


def test_another_partner_cannot_change_an_endpoint(api, endpoint, make_api, other_partner):
    answer = make_api(other_partner).patch(path(endpoint), {"is_active": False})

    assert answer.status_code == 404
    assert api.get(path(endpoint)).json()["is_active"] is True


def test_the_operators_endpoints_are_not_shown(api, settings):
    settings.WEBHOOK_URLS = ["http://127.0.0.1:1/"]
    services.sync_operator_endpoints()
    operators = Endpoint.objects.get()

    assert api.get("/webhooks/endpoints").json()["results"] == []
    assert api.get(f"/webhooks/endpoints/{operators.id}").status_code == 404


def test_a_private_address_is_refused_at_registration(api, settings):
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    answer = api.post("/webhooks/endpoints", {"url": "https://127.0.0.1/"})

    assert (answer.status_code, answer.json()["code"]) == (400, "url_refused")
    assert not Endpoint.objects.exists()


def test_a_private_address_is_refused_at_a_change(api, endpoint):
    answer = api.patch(path(endpoint), {"url": "https://10.0.0.1/"})

    assert answer.json()["code"] == "url_refused"
    assert api.get(path(endpoint)).json()["url"] == URL


def test_a_partner_has_a_bounded_number_of_endpoints(api):
    for _ in range(services.MAX_ENDPOINTS):
        api.post("/webhooks/endpoints", {"url": URL})

    answer = api.post("/webhooks/endpoints", {"url": URL})

    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_endpoints")
