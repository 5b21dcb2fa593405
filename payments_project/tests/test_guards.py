"""Rules of the house that no linter checks."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

from bench.__main__ import SETTINGS
from devstack.environment import offline_settings

DOORS = {"Doors:", "Doors'", "Doors", "Runs:"}
ROOT = Path(settings.BASE_DIR)
APPS = ["partners", "webhooks", "wallets", "charges", "installments", "staff"]
SOURCES = [
    path
    for app in ["foundation", *APPS, "payments_project"]
    for path in sorted((ROOT / app).rglob("*.py"))
    if "tests" not in path.parts and "migrations" not in path.parts
]
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in SOURCES}


def calls(name):
    """(file, call) of every call of something with that last name."""
    return [
        (file, node)
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == name
    ]


def is_true(call, keyword):
    return any(k.arg == keyword and getattr(k.value, "value", None) is True for k in call.keywords)


def test_only_doors_begin_transactions():
    """A module says in its first word whether it has doors, or runs through rows for them."""
    files = {file for file, _ in calls("atomic")} - {"payments_project/invariants.py"}

    assert files
    firsts = {file: (ast.get_docstring(TREES[file]) or "").split()[0] for file in files}
    assert {f: first for f, first in firsts.items() if first not in DOORS} == {}


def test_only_machines_write_a_status():
    """`foundation.states` has the guarded writes; a field list with a status goes through them."""
    by_queryset = [
        f"{file}:{call.lineno}"
        for file, call in calls("update")
        if any(keyword.arg == "status" for keyword in call.keywords)
    ]
    by_instance = [
        f"{file}:{call.lineno}"
        for name in ("save", "update", "bulk_update")
        for file, call in calls(name)
        if "'status'" in ast.dump(call) and "Name(id='states'" not in ast.dump(call)
    ]

    assert [place for place in by_queryset if not place.startswith("foundation/states.py")] == []
    assert [place for place in by_instance if not place.startswith("foundation/states.py")] == []


def test_sql_that_writes_a_status_asks_the_machine():
    writes = re.compile(r"\bSET\b(?:(?!\bWHERE\b|\"\"\").)*?\bstatus = ", re.DOTALL)
    found = {path for path in SOURCES if writes.search(path.read_text())}

    assert {path.name for path in found} == {"delivery.py", "rollup.py"}
    assert all(
        len(writes.findall(path.read_text())) == path.read_text().count("states.allowed(")
        for path in found
    )


def test_every_transaction_is_durable():
    assert [f"{file}:{c.lineno}" for file, c in calls("atomic") if not is_true(c, "durable")] == []


def test_nothing_else_ends_or_begins_transactions():
    for name in ("set_autocommit", "savepoint", "commit", "rollback", "non_atomic_requests"):
        assert calls(name) == [], name


def test_what_waits_for_a_commit_is_robust():
    assert [f"{f}:{c.lineno}" for f, c in calls("on_commit") if not is_true(c, "robust")] == []


def test_requests_are_not_transactions():
    assert settings.DATABASES["default"]["ATOMIC_REQUESTS"] is False


def test_no_task_waits_in_the_broker():
    waits = [
        f"{file}:{node.value.lineno}"
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in {"eta", "countdown"}
    ]

    assert waits == []


def test_no_clock_is_read_at_import():
    found = [
        file
        for file, tree in TREES.items()
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"now", "today", "time"}
    ]

    assert found == []


def test_one_driver_of_postgresql_is_installed():
    assert importlib.util.find_spec("psycopg") is None
    assert importlib.util.find_spec("psycopg2") is not None


def our_models():
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]


def test_the_foundation_holds_no_model():
    assert [m for m in apps.get_models() if m.__module__.startswith("foundation")] == []
    assert "foundation" not in settings.INSTALLED_APPS


def foreign_keys():
    return [
        f for m in our_models() for f in m._meta.get_fields() if isinstance(f, models.ForeignKey)
    ]


def test_nothing_cascades():
    assert foreign_keys()
    assert [str(f) for f in foreign_keys() if f.remote_field.on_delete is models.CASCADE] == []


def test_no_foreign_key_points_upward():
    ours = [f for f in foreign_keys() if f.related_model._meta.app_label in APPS]

    assert [
        str(f)
        for f in ours
        if APPS.index(f.related_model._meta.app_label) > APPS.index(f.model._meta.app_label)
    ] == []


def test_no_column_is_a_float_or_a_decimal():
    columns = [f for m in our_models() for f in m._meta.concrete_fields]

    assert [str(f) for f in columns if isinstance(f, models.FloatField | models.DecimalField)] == []


COMPLETE = {
    "ENV_FILES": "",
    "SECRET_KEY": "x" * 60,
    "DATABASE_URL": "postgres://app@127.0.0.1:1/none",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "STRIPE_SECRET_KEY": "sk_test",
    "STRIPE_WEBHOOK_SECRET": "whsec_stripe",
    "WEBHOOK_URLS": "https://hooks.example/",
    "WEBHOOK_SECRET": "whsec_" + "A" * 43 + "=",
    "DJANGO_SETTINGS_MODULE": "payments_project.settings",
}


def load_settings(environment):
    code = "from django.conf import settings; settings.DEBUG"
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, cwd=ROOT, capture_output=True,
        text=True, timeout=30, check=False,
    )  # fmt: skip


def test_complete_settings_load():
    assert load_settings(COMPLETE).returncode == 0


@pytest.mark.parametrize("given", [SETTINGS, offline_settings()], ids=["bench", "lint"])
def test_the_settings_of_our_own_tools_are_complete(given):
    """What a tool leaves out it has from its servers."""
    served = {name: COMPLETE[name] for name in ("DATABASE_URL", "CELERY_BROKER_URL")}
    module = {"DJANGO_SETTINGS_MODULE": COMPLETE["DJANGO_SETTINGS_MODULE"]}

    assert load_settings(served | module | given).returncode == 0


@pytest.mark.parametrize(
    "missing",
    [
        "SECRET_KEY",
        "DATABASE_URL",
        "CELERY_BROKER_URL",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "WEBHOOK_SECRET",
    ],
)
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_a_missing_setting_stops_the_start_with_one_sentence(missing, how):
    environment = {name: value for name, value in COMPLETE.items() if name != missing}

    ended = load_settings(environment | ({missing: ""} if how == "empty" else {}))

    assert ended.returncode != 0
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith(f"django.core.exceptions.ImproperlyConfigured: {missing} is not set: ")


def test_a_setting_that_is_no_number_stops_the_start():
    ended = load_settings(COMPLETE | {"INSTALLMENT_DUE_HOUR": "nine"})

    assert "INSTALLMENT_DUE_HOUR is not a whole number." in ended.stderr
