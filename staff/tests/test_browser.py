"""What staff do, in Debian's Chromium. Each page asks nobody outside and logs no error.

Skipped where there is no Chromium and none can be installed, unless REQUIRE_BROWSER says otherwise.
"""

from __future__ import annotations

import csv
import io
import os
import re

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread
from playwright.sync_api import expect, sync_playwright

from charges.models import Charge
from devstack import chromium
from wallets.models import Wallet
from webhooks import services as webhooks
from webhooks.models import Delivery

PASSWORD = "correct horse"
LOCAL = ("data:", "blob:")


@pytest.fixture(scope="module")
def engine():
    program = chromium.path()
    if program is None:
        reason = "there is no Chromium here, and it cannot be installed"
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip)(reason)
    # Playwright's loop would make Django refuse the database in this thread.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=chromium.OPTIONS)
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def server(committed, settings):
    """The house on loopback, in plain HTTP."""
    settings.SECURE_SSL_REDIRECT = False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    thread = LiveServerThread("127.0.0.1", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait(20)
    assert not thread.error, thread.error
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()


@pytest.fixture
def open_as(engine, server):
    """`open_as(user)`: a browser of that person, logged in. Trouble in it fails the test."""
    troubles, contexts = [], []

    def hear(message):
        if message.type in ("error", "warning"):
            troubles.append(f"console: {message.text}")

    def watch(request):
        if not request.url.startswith((server, *LOCAL)):
            troubles.append(f"asked outside: {request.url}")

    def check(response):
        if response.status >= 400:
            troubles.append(f"{response.status}: {response.url}")

    def open_as(user):
        context = engine.new_context(base_url=server, viewport={"width": 1280, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", hear)
        page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
        page.on("request", watch)
        page.on("response", check)
        page.goto("/admin/")
        page.get_by_label("Username").fill(user.get_username())
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert troubles == []


def confirm(page, **words):
    """Fills in an action's form and reviews it; returns the page's text before it is confirmed."""
    for label, value in words.items():
        field = page.locator(f"[name={label}]")
        field.select_option(value) if label in ("refund_to", "dates") else field.fill(value)
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Confirm").wait_for()
    shown = page.locator("#content-main").inner_text()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/change/")
    return re.sub(r"\s+", " ", shown)


def test_a_charge_is_found_by_its_intent_and_refunded_in_part(open_as, fay, charge):
    page = open_as(fay.user)
    expect(page.locator("#content-main")).to_contain_text("$150.00")
    expect(page.locator("#success-rate")).to_have_text("100.0 %")

    page.goto("/admin/charges/charge/")
    page.locator("#searchbar").fill(charge.external_charge_id)
    page.locator("#searchbar").press("Enter")
    page.locator("#result_list tbody a").first.click()
    page.locator("#staff-actions").get_by_text("Refund").click()
    shown = confirm(page, amount="30.00", refund_to="auto", reason="One item came back.")

    assert "card $30.00" in shown
    assert "-$27.00" in shown
    body = page.locator("#content-main")
    expect(body).to_contain_text("One item came back.")
    expect(page.locator("body")).to_contain_text("The refund is succeeded.")
    expect(page.locator("#staff-audit-entries")).to_contain_text(
        f"Refund 30.00 USD of charge {charge.pk}"
    )
    assert Charge.objects.get().amount_refunded == 3000


def test_two_people_credit_above_the_threshold(open_as, fay, gil, wallet):
    asking = open_as(fay.user)
    asking.goto(f"/admin/wallets/wallet/{wallet.pk}/change/")
    asking.locator("#staff-actions").get_by_text("Credit").click()
    shown = confirm(asking, amount="2,500.00", reason="Goodwill.")
    assert "asks another person to approve it" in shown
    assert Wallet.objects.get().balance == 500000

    approvals = open_as(gil.user)
    approvals.locator("#attention").get_by_text("Requests to approve").click()
    approvals.locator("#result_list tbody a").first.click()
    approvals.locator("#staff-actions").get_by_text("Approve").click()
    shown = confirm(approvals, reason="Agreed.")

    assert "$2,500.00" in shown
    assert "$7,500.00" in shown
    expect(approvals.locator("body")).to_contain_text("The balance is 7500.00 USD.")
    assert Wallet.objects.get().balance == 750000


def test_a_list_is_taken_as_a_file(open_as, fay, wallet):
    page = open_as(fay.user)
    page.goto("/admin/wallets/wallet/?q=ada")

    with page.expect_download() as download:
        page.get_by_text("Export CSV").click()

    text = download.value.path().read_text(encoding="utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["customer"], row["balance"], row["currency"]) == ("ada", "5000.00", "USD")
    assert download.value.suggested_filename.startswith("wallets-")


def test_a_webhook_is_replayed(open_as, fay, api, wallet):
    api.post("/webhooks/endpoints", {"url": "http://127.0.0.1:9/hooks"})
    api.post("/wallets/ada/credit", {"amount": "1.00"})
    webhooks.deliver_due()
    Delivery.objects.update(status="exhausted", next_attempt_at=None)
    row = Delivery.objects.get()
    page = open_as(fay.user)

    page.goto(f"/admin/webhooks/delivery/{row.pk}/change/")
    page.locator("#staff-actions").get_by_text("Replay").click()
    shown = confirm(page, reason="The partner asked.")

    assert "It posts nothing to the ledger." in shown
    expect(page.locator("body")).to_contain_text("It is sent again now.")
    row.refresh_from_db()
    assert row.status == "pending"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages_fit_the_screen(open_as, charge, theme, width):
    root = User.objects.create_superuser("root", password=PASSWORD)
    page = open_as(root)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})

    for path in ("/admin/", f"/admin/charges/charge/{charge.pk}/change/", "/admin/charges/charge/",
                 f"/admin/act/refund/{charge.pk}", "/admin/two-factor"):  # fmt: skip
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, (path, wide)


def test_a_charge_is_found_from_the_keyboard(open_as, fay, charge):
    page = open_as(fay.user)

    page.keyboard.press("Control+k")
    page.keyboard.type("Charges", delay=20)

    expect(page.locator("a", has_text="Charges").first).to_be_visible()
