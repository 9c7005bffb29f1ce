"""What a form lets through is checked again where it counts: a name opens no file, no statement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.errors import LONGEST_PART, FinRiskError
from finrisk.pipelines import steps
from finrisk.pipelines.named_model import NamedModel
from finrisk.records import NightRequest
from tests.hostile_texts import HOSTILE

AS_OF = date(2024, 8, 5)


def files_of(home: Path) -> set[Path]:
    """Every file but the databases' own journals, which reading may make."""
    return {path for path in home.rglob("*") if path.is_file() and "ledger.db" not in path.name}


@pytest.fixture
def here(shared: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FINRISK_HOME", str(shared.home))
    return shared


@pytest.mark.parametrize(
    "ask",
    [
        lambda text: steps.prepare(NightRequest(text, AS_OF)),
        lambda text: steps.prepare(NightRequest("credit_risk", AS_OF, candidates=(text,))),
        lambda text: steps.roll_back(text, None, "complaints rise", "ada", request_id="1"),
        NamedModel.open,
    ],
    ids=["a model", "a candidate", "a model to roll back", "a model to promote by hand"],
)
def test_a_step_refuses_forty_hostile_names_and_writes_nothing(
    ask: Callable[[str], object], here: Settings
) -> None:
    before = files_of(here.home)

    for text in HOSTILE:
        with pytest.raises(FinRiskError) as refused:
            ask(text)
        assert len(str(refused.value)) < 2 * LONGEST_PART

    assert files_of(here.home) == before
