from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from pydantic import BaseModel

from finrisk.specs.guards import Guards, MostLoss
from finrisk.specs.policy import GatePolicy
from finrisk.specs.policy_text import policy_text


@pytest.mark.parametrize(
    "policy",
    [
        GatePolicy(),
        GatePolicy(clusters=("terminal", "customer"), approval="person"),
        GatePolicy(
            guards=Guards.model_validate(
                {
                    "costs": {"bad_approved": 900, "good_declined": 60},
                    "secondary": {"precision_at_100": {"points": 0.02}},
                    "slices": {"columns": ["channel: web"]},
                }
            )
        ),
    ],
)
def test_what_is_written_is_read_back_as_the_same_policy(policy: GatePolicy) -> None:
    document = yaml.safe_load(policy_text(policy))

    assert GatePolicy.model_validate(document["gate"]) == policy


def figures(part: type[BaseModel], path: str = "gate") -> Iterator[tuple[str, str | None]]:
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from figures(inner, f"{path}.{name}")
        else:
            yield f"{path}.{name}", field.description


@pytest.mark.parametrize(
    ("path", "reason"), [*figures(GatePolicy), *figures(MostLoss, "gate.guards.secondary")]
)
def test_every_figure_of_the_policy_has_its_reason(path: str, reason: str | None) -> None:
    assert reason, f"{path} needs a description: its unit and why"
