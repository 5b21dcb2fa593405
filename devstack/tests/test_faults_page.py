"""docs/faults.md names a test for each fault: it cannot say more than is proven."""

import ast
import re
from functools import cache

import pytest

from devstack.environment import CHECKOUT

PAGE = (CHECKOUT / "docs" / "faults.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.endswith("test |")]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
LEAST = 40
BY_HAND = "`python -m bench.restarts`"


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((CHECKOUT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_exists(file: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in names_in(file)


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_each_fault_names_its_proof(row: str) -> None:
    proof = row.split("|")[-2]

    assert "::test_" in proof or BY_HAND in proof


def test_the_table_is_there() -> None:
    assert len(ROWS) >= LEAST
