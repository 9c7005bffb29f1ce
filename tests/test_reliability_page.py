"""The page on reliability cannot lie: the tests it names exist, and nothing is missing on it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from finrisk.faults import KEPT_COPY, STEPS, WHOLE_FILE

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
TARGETS = set(re.findall(r"^\$ make (\S+)", PAGE, re.MULTILINE))


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((REPOSITORY / file).read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: part)
def test_every_test_that_the_page_names_exists(file: str, name: str) -> None:
    assert name in functions_of(file)


def test_every_test_of_the_faults_is_named_by_file() -> None:
    files = {
        f"tests/faults/{path.name}" for path in (REPOSITORY / "tests/faults").glob("test_*.py")
    }

    assert files == {file for file, _ in NAMED if file.startswith("tests/faults/")}


@pytest.mark.parametrize("number", range(1, 13))
def test_every_invariant_has_a_line_with_its_test_or_says_what_is_missing(number: int) -> None:
    (line,) = re.findall(rf"^\| I{number} \|.*$", PAGE, re.MULTILINE)

    assert "`tests/" in line or "not there yet" in line


@pytest.mark.parametrize("point", [*STEPS, WHOLE_FILE, KEPT_COPY])
def test_every_fault_point_is_named(point: str) -> None:
    assert f"`{point}`" in PAGE


def test_the_commands_of_the_page_are_targets() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()

    assert {"test-faults", "soak"} == TARGETS
    assert all(f"\n{target}:" in makefile for target in TARGETS)
