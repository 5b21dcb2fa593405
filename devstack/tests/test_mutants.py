from pathlib import Path

import pytest

from devstack.environment import CHECKOUT
from devstack.mutants import Mutation, listed, run, survives
from devstack.scratch import files_of, scratch_copy

MUTATIONS = listed()
LEAST = 30


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[each.name for each in MUTATIONS])
def test_what_is_broken_stands_once_in_the_code(mutation: Mutation) -> None:
    assert mutation.is_found(CHECKOUT)
    assert mutation.old != mutation.new


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[each.name for each in MUTATIONS])
def test_the_tests_of_a_mutation_exist(mutation: Mutation) -> None:
    assert mutation.tests
    for test in mutation.tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (CHECKOUT / file).read_text()


def test_there_are_enough() -> None:
    assert len(MUTATIONS) >= LEAST


@pytest.fixture
def broken(tmp_path: Path) -> Mutation:
    (tmp_path / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    (tmp_path / "test_good.py").write_text(
        "from sums import add\n\n\ndef test_sum():\n    assert add(1, 2) == 3\n"
    )
    (tmp_path / "test_blind.py").write_text("def test_nothing():\n    assert True\n")
    return Mutation("sums", "sums.py", "a + b", "a - b", ["test_good.py"])


def test_a_mutation_that_a_test_notices_is_named_after_it(tmp_path: Path, broken: Mutation) -> None:
    assert survives(broken, tmp_path) == (False, "test_good.py::test_sum")


def test_the_copy_is_whole_again_after_a_mutation(tmp_path: Path, broken: Mutation) -> None:
    survives(broken, tmp_path)

    assert run(["test_good.py"], tmp_path) == (True, "")


def test_a_mutation_that_no_test_notices_survives(tmp_path: Path, broken: Mutation) -> None:
    blind = Mutation("sums", "sums.py", "a + b", "a - b", ["test_blind.py"])

    assert survives(blind, tmp_path) == (True, "")


def test_tests_that_do_not_run_notice_nothing(tmp_path: Path, broken: Mutation) -> None:
    with pytest.raises(SystemExit, match="did not run"):
        run(["test_absent.py"], tmp_path)


def test_the_copy_has_what_git_knows_and_is_gone_afterwards() -> None:
    with scratch_copy() as folder:
        assert (folder / "manage.py").is_file()
        assert not (folder / ".venv").exists()
        assert all((folder / name).is_file() for name in files_of(CHECKOUT))

    assert not folder.exists()
