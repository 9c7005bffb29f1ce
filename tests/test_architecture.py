"""What holds the rooms apart, as tests: import-linter, and a few rules it cannot know."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "finrisk"
SAYING_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools"}

modules = sorted(PACKAGE.rglob("*.py"))
ours = sorted(
    path
    for folder in ("finrisk", "dags", "plugins", "deploy")
    for path in (REPOSITORY / folder).rglob("*.py")
)


def relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def imported_by(path: Path) -> set[str]:
    """Return the top-level names a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def dotted_names(path: Path) -> set[str]:
    """Return every name a module imports or takes an attribute of, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            names.add(ast.unparse(node))
    return names


def test_rooms_import_only_from_below() -> None:
    linted = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("path", modules, ids=relative)
def test_no_room_knows_airflow(path: Path) -> None:
    assert "airflow" not in imported_by(path)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=relative)
def test_an_init_file_holds_a_docstring_only(path: Path) -> None:
    if "migrations" in path.parts:
        pytest.skip("Alembic's folder")
    (statement,) = ast.parse(path.read_text(encoding="utf-8")).body

    assert isinstance(statement, ast.Expr), "a light import of one module must stay light"


@pytest.mark.parametrize("path", ours, ids=relative)
def test_no_module_has_a_name_that_says_nothing(path: Path) -> None:
    assert not SAYING_NOTHING & set(path.stem.split("_"))


@pytest.mark.parametrize("path", ours, ids=relative)
def test_nothing_unpickles(path: Path) -> None:
    assert not {"pickle", "joblib", "cloudpickle", "dill"} & imported_by(path)


@pytest.mark.parametrize("path", ours, ids=relative)
def test_nothing_loads_a_model_through_mlflow(path: Path) -> None:
    """It imports whatever code an artifact's MLmodel names, before anything can verify it."""
    loading = re.compile(r"mlflow\.(pyfunc|sklearn|xgboost)\b|(mlflow\.models\.)?Model\.load\b")

    assert not {name for name in dotted_names(path) if loading.match(name)}


@pytest.mark.parametrize("folder", ["dags", "plugins"])
def test_files_airflow_puts_on_the_path_shadow_no_library(folder: str) -> None:
    files = {path.stem for path in (REPOSITORY / folder).glob("*.py")}
    rooms = {path.stem for path in PACKAGE.iterdir()}
    libraries = {*sys.stdlib_module_names, "airflow", "mlflow", "pandas", "numpy", "finrisk"}

    assert not files & (rooms | libraries)
