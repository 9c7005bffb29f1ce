"""One good spec, as the YAML document a user would write, and single changes to it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

CREDIT_RISK = Path(__file__).parents[2] / "conf" / "models" / "credit_risk.yaml"


def good_document() -> dict[str, Any]:
    """A small dated credit spec; every test changes one thing of it."""
    return copy.deepcopy(
        {
            "name": "loans",
            "title": "Loans",
            "owner": "risk",
            "model_type": "credit_risk",
            "registered_name": "loans",
            "source": {"path": "landing/loans", "format": "csv"},
            "row_key": "loan_id",
            "time": {"column": "opened", "vintage": "month"},
            "columns": {
                "loan_id": {"type": "text"},
                "opened": {"type": "date"},
                "first_credit": {"type": "date", "nullable": True},
                "income": {"type": "number", "min": 0, "max": 1e6},
                "amount": {"type": "number", "min": 1, "max": 1e5},
                "term": {"type": "text"},
                "home": {"type": "category", "values": ["own", "rent"]},
                "gender": {"type": "category", "values": ["f", "m"]},
                "bad": {"type": "integer"},
                "recovered": {"type": "number"},
            },
            "label": {
                "rule": {"kind": "column", "column": "bad"},
                "performance_window_months": 12,
            },
            "leakage_columns": ["recovered"],
            "protected_columns": ["gender"],
            "features": [
                "income",
                "home",
                {"name": "credit_age", "months_between": ["first_credit", "opened"]},
                {"name": "loan_to_income", "ratio": ["amount", "income"]},
                {"name": "term_months", "leading_number": "term"},
            ],
            "candidates": [
                {"name": "lr", "algorithm": "logistic_regression", "search": {"C": [0.1, 1.0]}}
            ],
        }
    )


def changed(path: str, value: object) -> dict[str, Any]:
    """The good document with one key (dotted path) set; ``...`` deletes it."""
    document = good_document()
    *parents, last = path.split(".")
    place: Any = document
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


def written(folder: Path, document: dict[str, Any], name: str = "loans.yaml") -> Path:
    """Write the document as a user's YAML file."""
    path = folder / name
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path
