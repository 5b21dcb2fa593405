"""What a charge costs the database."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from charges.tests.steps import charged
from wallets.tests.steps import open_wallet
from webhooks import services as webhooks

BUDGET = 9


def statements(act):
    with CaptureQueriesContext(connection) as captured:
        act()
    return [query["sql"] for query in captured]


def test_a_wallet_charge_takes_at_most_nine_statements_with_begin_and_commit(api, ada):
    charged(api, "1.00")

    asked = statements(lambda: charged(api, "1.00"))

    assert {"BEGIN", "COMMIT"} <= set(asked)
    assert len(asked) <= BUDGET, asked


def test_twenty_recipients_take_no_more_statements_than_none(api, ada):
    for n in range(20):
        open_wallet(api, f"r{n}")
    rules = [{"recipient": f"r{n}", "percentage": "5"} for n in range(20)]
    charged(api, "1.00")

    alone = statements(lambda: charged(api, "1.00"))
    shared = statements(lambda: charged(api, "1.00", split_instructions=rules))

    assert len(shared) == len(alone)


def test_five_endpoints_take_no_more_statements_than_none(api, ada, partner):
    charged(api, "1.00")
    none = statements(lambda: charged(api, "1.00"))
    for n in range(5):
        webhooks.create_endpoint(
            partner_id=partner.id, url=f"http://127.0.0.1:9/{n}", event_types=[], description="",
            now=timezone.now(),
        )  # fmt: skip

    five = statements(lambda: charged(api, "1.00"))

    assert len(five) == len(none)


def test_a_long_history_takes_no_more_statements(api, ada):
    charged(api, "1.00")
    first = statements(lambda: charged(api, "1.00"))
    for _ in range(20):
        charged(api, "1.00")

    assert len(statements(lambda: charged(api, "1.00"))) == len(first)
