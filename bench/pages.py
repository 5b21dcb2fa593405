"""Server time of staff pages over many rows: copies of a few real ones, spread over a year."""

from __future__ import annotations

import logging
import statistics
import time
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from bench.fixtures import BY, partner_with_wallets
from charges import services as charges
from charges.models import Charge
from installments import services as installments
from installments.models import InstallmentOrder
from installments.planning import NewOrder
from installments.schedule import Part
from partners.models import Partner
from wallets.models import Wallet
from webhooks import services as webhooks
from webhooks.models import Delivery

TIMES = 5
NOW = timezone.now().isoformat()
AT = f"'{NOW}'::timestamptz - n * interval '365 days' / {{count}}"
ID = """(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || '7'
    || substr(md5('{salt}' || n), 1, 3) || '8' || substr(md5('{salt}' || n), 4, 15))::uuid"""
EVENT = ID.replace("{at}", AT).replace("{salt}", "webhooks_event")
PARTS = 5
DUE = "now() + (n % 400 - 100) * interval '1 day'"
OF_ORDER = f"(1 + (n - 1) / {PARTS})"
ORDER = (
    ID.replace("{at}", AT)
    .replace("{salt}", "installments_installmentorder")
    .replace("{count}", f"({{count}} / {PARTS})")
    .replace(" n ", f" {OF_ORDER} ")
    .replace("|| n)", f"|| {OF_ORDER})")
)
"""The id of the order whose parts these are."""

# table: (rows for each charge, the columns in which a copy is not like its template)
COPIES: dict[str, tuple[float, dict[str, str]]] = {
    "charges_charge": (1, {
        "created_at": "{at}", "updated_at": "{at}", "decided_at": "{at}",
        "customer_id": "'c' || n % 5000", "idempotency_key": "'copy-' || n",
        "amount": "100 + n % 9000",
        "status": "CASE WHEN n % 8 = 0 THEN 'failed' ELSE 'succeeded' END",
        "wallet_amount": "CASE WHEN n % 8 = 0 OR n % 3 = 0 THEN 0 ELSE 100 + n % 9000 END",
        "external_amount": "CASE WHEN n % 8 <> 0 AND n % 3 = 0 THEN 100 + n % 9000 ELSE 0 END",
        "external_charge_id": "CASE WHEN n % 3 = 0 THEN 'pi_' || md5(n::text) END",
        "succeeded_at": "CASE WHEN n % 8 <> 0 THEN {at} END",
        "failed_at": "CASE WHEN n % 8 = 0 THEN {at} END",
        "failure_code": "CASE WHEN n % 8 = 0 THEN 'card_declined' ELSE '' END",
        "failure_decline_code":
            "CASE WHEN n % 8 = 0 THEN (ARRAY['insufficient_funds','lost_card','expired_card'])"
            "[1 + n % 3] ELSE '' END",
        "currency": "CASE WHEN n % 5 = 0 THEN 'EUR' ELSE 'USD' END",
    }),
    "wallets_ledgertransaction": (0.5, {"created_at": "{at}", "charge_id": "NULL",
        "idempotency_key": "NULL"}),
    "webhooks_event": (1, {"created_at": "{at}", "resource_id": "gen_random_uuid()"}),
    "webhooks_delivery": (1, {"created_at": "{at}", "event_id": EVENT,
        "status": "'delivered'", "next_attempt_at": "NULL", "delivered_at": "{at}"}),
    "installments_installmentorder": (0.1, {"created_at": "{at}", "idempotency_key": "'o-' || n",
        "customer_id": "'c' || n % 5000"}),
    "installments_installment": (0.1 * PARTS, {"created_at": "{at}",
        "due_date": f"({DUE})::date", "due_at": DUE, "overdue_at": "NULL", "paid_at": "NULL",
        "next_attempt_at": f"CASE WHEN n % 400 > 100 THEN {DUE} END",
        "installment_number": f"2 + n % {PARTS}", "charge_id": "NULL", "order_id": ORDER,
        "status": "CASE WHEN n % 400 > 100 THEN 'pending' WHEN n % 20 = 0 THEN 'overdue' "
            "ELSE 'canceled' END",
    }),
}  # fmt: skip

PAGES = {
    "overview, 30 days": "/admin/",
    "overview, a year": "/admin/?period=365",
    "overview, 30 days, one partner": "/admin/?partner={partner}",
    "charges": "/admin/charges/charge/",
    "charges, page 100": "/admin/charges/charge/?p=100",
    "charges by their pi_": "/admin/charges/charge/?q={intent}",
    "charges of a customer": "/admin/charges/charge/?q=c4711",
    "charges of a day": "/admin/charges/charge/?created_at_from={day}&created_at_to={day}",
    "charges that failed": "/admin/charges/charge/?status__exact=failed&failure=lost_card",
    "a charge": "/admin/charges/charge/{charge}/change/",
    "a wallet": "/admin/wallets/wallet/{wallet}/change/",
    "an order": "/admin/installments/installmentorder/{order}/change/",
    "orders": "/admin/installments/installmentorder/",
    "installments": "/admin/installments/installment/",
    "ledger transactions": "/admin/wallets/ledgertransaction/",
    "ledger entries": "/admin/wallets/ledgerentry/",
    "deliveries": "/admin/webhooks/delivery/",
    "a delivery": "/admin/webhooks/delivery/{delivery}/change/",
    "events": "/admin/webhooks/event/",
    "a partner": "/admin/partners/partner/{partner}/change/",
}


def measure(*, count: int) -> None:
    logging.disable(logging.INFO)
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    partner = _real_rows()
    for table, (share, columns) in COPIES.items():
        _copy(table, columns, int(count * share))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    client = Client()
    client.force_login(
        User.objects.create_superuser("bench"), "django.contrib.auth.backends.ModelBackend"
    )
    names = _names(partner)
    for name, path in PAGES.items():
        took = [_time(client, path.format(**names)) for _ in range(TIMES + 1)][1:]
        print(f"{name:<32} {statistics.median(took):>6.0f} ms  (worst {max(took):.0f})")


def _time(client: Client, path: str) -> float:
    started = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return (time.perf_counter() - started) * 1000


def _names(partner: Partner) -> dict[str, object]:
    def first(rows: object) -> UUID:
        return rows.values_list("pk", flat=True).first()  # type: ignore[attr-defined,no-any-return]

    return {
        "partner": partner.pk,
        "charge": first(Charge.objects.filter(idempotency_key="bench-1")),
        "wallet": first(Wallet.objects.filter(customer_id="c1")),
        "order": first(InstallmentOrder.objects.filter(idempotency_key="bench-order")),
        "delivery": first(Delivery.objects.all()),
        "intent": Charge.objects.filter(external_charge_id__isnull=False)[500].external_charge_id,
        "day": (timezone.now() - timedelta(days=100)).date(),
    }


def _real_rows() -> Partner:
    """The templates: a charge, its postings and event, a delivery, an order."""
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    now = timezone.now()
    partner, _ = partner_with_wallets("bench-pages", 50)
    webhooks.create_endpoint(
        partner_id=partner.id, url="http://127.0.0.1:9/", event_types=[], description="", now=now
    )
    new = charges.NewCharge("c1", 100, "USD", "bench-1", "bench")
    charges.create(partner_id=partner.id, new=new, by=BY, now=now)
    order = NewOrder(
        customer_id="c1", amount=100, currency="USD", plan=[Part(100, now.date() + timedelta(9))]
    )
    installments.create_order(
        partner_id=partner.id, new=order, idempotency_key="bench-order", fingerprint="bench",
        activate=True, by=BY, now=now,
    )  # fmt: skip
    return partner


def _copy(table: str, columns: dict[str, str], count: int) -> None:
    changed = {"id": ID, **columns}
    pairs = ", ".join(
        f"'{name}', {sql.replace('{at}', AT).replace('{salt}', table)}".replace(
            "{count}", str(count)
        )
        for name, sql in changed.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            BEGIN; SET LOCAL session_replication_role = replica;
            INSERT INTO {table} SELECT copy.* FROM
                (SELECT * FROM {table} ORDER BY id DESC LIMIT 1) model,
                generate_series(1, {count}) n,
                LATERAL jsonb_populate_record(model::{table}, jsonb_build_object({pairs})) copy;
            COMMIT
            """
        )
