"""Train on Lending Club's lifetime labels: develop through 2010, read once on 2011.

    python benchmarks/lending_club.py --data lending_club_2007_2011.parquet [--json]

A benchmark of training, not a replay: lifetime labels were not known at the time. The candidate is
chosen on development rows alone; the hold-out's figures are printed for every candidate, chosen or
not. To reach, for the chosen one: AUC 0.697 and average precision 0.275.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from finrisk.data.labels import attach_labels
from finrisk.data.landing import read_landing
from finrisk.features.derive import derive_features
from finrisk.metrics.calibration import brier_score
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.trainer import FittedCandidate, fit_candidate
from finrisk.specs.data import Label, LabelColumn
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec

SPEC = Path(__file__).resolve().parent.parent / "conf" / "examples" / "lending_club.yaml"
CHARGED_OFF = ("Charged Off", "Does not meet the credit policy. Status:Charged Off")
FULLY_PAID = ("Fully Paid", "Does not meet the credit policy. Status:Fully Paid")
FIRST_HOLDOUT_VINTAGE = "2011-01"
ALL_FINISHED = date(2017, 6, 1)  # the last payment in the file is of 2017-04


def lifetime_spec(data: Path) -> ModelSpec:
    """Return the replay's spec with its bad definition replaced: how the loan ended, whenever."""
    spec = load_spec(SPEC)
    ending = LabelColumn(kind="column", column="loan_status", bad=CHARGED_OFF, good=FULLY_PAID)
    return spec.model_copy(
        update={
            "source": spec.source.model_copy(update={"path": str(data.resolve())}),
            "label": Label(rule=ending, performance_window_months=60),
        }
    )


def labelled_rows(spec: ModelSpec) -> pd.DataFrame:
    """Return every loan with its vintage and label, read as a night reads them."""
    landing = read_landing(spec, Path.cwd(), ALL_FINISHED)
    if landing.problems:
        raise SystemExit("; ".join(landing.problems))
    return attach_labels(landing.frame, spec, ALL_FINISHED).frame


def holdout_figures(fitted: FittedCandidate, spec: ModelSpec, holdout: pd.DataFrame) -> Any:
    labels = holdout["_label"].to_numpy(dtype="int64")
    probability = fitted.model.score(derive_features(holdout, spec))
    metrics = ranking_metrics(labels, probability)
    return {
        "development_auc": fitted.development_score,
        "auc": metrics.auc,
        "average_precision": metrics.average_precision,
        "ks": metrics.ks,
        "gini": metrics.gini,
        "brier": brier_score(labels, probability),
        "best_parameters": fitted.best_parameters,
        "seconds": fitted.seconds,
    }


def run(data: Path, *, threads: int, seed: int | None = None) -> dict[str, Any]:
    """Fit every candidate of the spec; returns the figures by candidate, and the chosen one."""
    spec = lifetime_spec(data)
    if seed is not None:
        training = spec.training.model_copy(update={"seed": seed})
        spec = spec.model_copy(update={"training": training})
    rows = labelled_rows(spec)
    newer = rows["_vintage"] >= FIRST_HOLDOUT_VINTAGE
    development, holdout = rows[~newer], rows[newer]
    figures = {}
    for candidate in spec.candidates:
        fitted = fit_candidate(development, spec, candidate, threads=threads)
        figures[candidate.name] = holdout_figures(fitted, spec, holdout)
    return {
        "development": {"rows": len(development), "bads": int(development["_label"].sum())},
        "holdout": {"rows": len(holdout), "bads": int(holdout["_label"].sum())},
        "seed": spec.training.seed,
        "candidates": figures,
        "chosen": max(figures, key=lambda name: figures[name]["development_auc"]),
    }


def table(result: dict[str, Any]) -> str:
    """Return the figures for a person."""
    lines = [
        "development {rows} loans, {bads} bad".format(**result["development"])
        + "; hold-out {rows} loans, {bads} bad".format(**result["holdout"])
        + f"; seed {result['seed']}",
        f"{'candidate':22}{'CV AUC':>8}{'AUC':>8}{'AP':>8}{'KS':>8}{'Gini':>8}{'Brier':>8}{'s':>7}",
    ]
    for name, row in result["candidates"].items():
        keys = ("development_auc", "auc", "average_precision", "ks", "gini", "brier")
        lines.append(
            f"{name:22}"
            + "".join(f"{row[key]:8.4f}" for key in keys)
            + f"{sum(row['seconds'].values()):7.1f}"
            + f"  {row['best_parameters']}"
        )
    return "\n".join([*lines, f"chosen on development rows: {result['chosen']}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="lending_club_2007_2011.parquet")
    parser.add_argument("--json", action="store_true", help="plain JSON instead of a table")
    parser.add_argument("--seed", type=int, help="another seed than the spec's")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    result = run(options.data, threads=options.threads, seed=options.seed)
    print(json.dumps(result, indent=2) if options.json else table(result))


if __name__ == "__main__":
    main()
