"""What the metrics cost, and whether their errors are what they say.

    python benchmarks/kernel.py [--json] [--rows N ...] [--simulations N]

Times are CPU time of this process, since all of it is one thread and a shared machine's wall clock
says more about its other guests; ratios are of the best of several, taken in turns. Memory is the
peak of tracemalloc beyond the inputs. The simulations compare equal models, on independent rows and
on rows whose errors a terminal shares: z should have a standard deviation of 1, a two-sided 90 %
interval should hold 0 nine times in ten.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from finrisk.metrics.average_precision import paired_average_precision
from finrisk.metrics.bootstrap import paired_bootstrap
from finrisk.metrics.delong import paired_delong
from finrisk.metrics.ranking import ranking_metrics

TURNS = 7
REPLICATES = 2000
FOUR = ["auc", "ks", "average_precision", "detection_rate_at_fpr_5pct"]
Z_MONTHLY = 2.713  # Φ⁻¹(1 − 0.04 / 12), what a scheduled look of a monthly model asks for

# bad rate, decimals the scores are rounded to
SHAPES: dict[str, tuple[float, int | None]] = {
    "probabilities": (0.1, None),
    "half of them bad": (0.5, None),
    "1,000 levels": (0.1, 3),
    "100,000 levels": (0.1, 5),
    "log-odds": (0.1, None),
    "float32": (0.1, None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--simulations", type=int, default=400)
    asked = parser.parse_args()
    figures: dict[str, float] = {}
    for part in (ranking(asked.rows), delong(), bootstrap(), simulated(asked.simulations)):
        for name, figure in part:
            figures[name] = figure
            if not asked.json:
                print(f"{name:<72} {figure:>10.4g}", flush=True)
    if asked.json:
        print(json.dumps(figures, indent=2))


def scored(rows: int, bad_rate: float, decimals: int | None) -> tuple[Any, Any, Any]:
    """Return labels and two equal models' probabilities of bad."""
    rng = np.random.default_rng(1)
    labels = (rng.random(rows) < bad_rate).astype(np.int64)
    signal = rng.normal(size=rows) + labels - 2.0
    pair = [1.0 / (1.0 + np.exp(-(signal + 0.3 * rng.normal(size=rows)))) for _ in range(2)]
    first, second = pair if decimals is None else (np.round(score, decimals) for score in pair)
    return labels, first, second


def best(*calls: Callable[[], object], turns: int = TURNS) -> list[float]:
    """Return each call's least CPU time, the calls taken in turns."""
    seconds = [math.inf] * len(calls)
    for _ in range(turns):
        for place, call in enumerate(calls):
            began = time.process_time()
            call()
            seconds[place] = min(seconds[place], time.process_time() - began)
    return seconds


def ranking(sizes: list[int]) -> Iterator[tuple[str, float]]:
    for rows in sizes:
        turns = TURNS if rows <= 1_000_000 else 3
        for shape, (bad_rate, decimals) in SHAPES.items():
            labels, score, _ = scored(rows, bad_rate, decimals)
            if shape == "log-odds":
                score = np.log(score) - np.log1p(-score)
            elif shape == "float32":
                score = score.astype(np.float32)
            of = f"{shape}, {rows:,} rows"
            bare, ours = best(
                lambda s=score: np.sort(s),
                lambda y=labels, s=score: ranking_metrics(y, s),
                turns=turns,
            )
            yield f"ranking / np.sort: {of}", ours / bare
            yield f"memory / scores: {of}", _peak(labels, score) / score.nbytes
            if shape == "probabilities":
                (theirs,) = best(lambda y=labels, s=score: with_sklearn(y, s), turns=1)
                yield f"scikit-learn / ranking: {of}", theirs / ours
                yield f"largest error against scikit-learn: {of}", _error(labels, score)


def with_sklearn(labels: Any, score: Any) -> dict[str, float]:
    """Return the same figures as most people compute them."""
    fpr, tpr, _ = roc_curve(labels, score, drop_intermediate=False)
    auc = roc_auc_score(labels, score)
    riskiest = labels[np.argsort(-score)]
    figures = {
        "auc": auc,
        "gini": 2.0 * auc - 1.0,
        "ks": np.max(tpr - fpr),
        "average_precision": average_precision_score(labels, score),
        "precision_at_100": riskiest[:100].mean(),
    }
    for percent in (1, 5, 10):
        top = math.ceil(percent * labels.size / 100)
        figures[f"lift_top_{percent}pct"] = riskiest[:top].mean() / labels.mean()
    for percent in (1, 5):
        figures[f"detection_rate_at_fpr_{percent}pct"] = tpr[fpr <= percent / 100].max()
    return {name: float(figure) for name, figure in figures.items()}


def _error(labels: Any, score: Any) -> float:
    ours = ranking_metrics(labels, score).named()
    return max(abs(ours[name] - figure) for name, figure in with_sklearn(labels, score).items())


def _peak(labels: Any, score: Any) -> int:
    tracemalloc.start()
    ranking_metrics(labels, score)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def delong() -> Iterator[tuple[str, float]]:
    for shape in ("probabilities", "half of them bad", "1,000 levels"):
        labels, a, b = scored(1_000_000, *SHAPES[shape])
        bare, ours = best(
            lambda s=a: np.argsort(s), lambda y=labels, s=a, t=b: paired_delong(y, s, t)
        )
        yield f"paired DeLong / np.argsort: {shape}, 1,000,000 rows", ours / bare


def bootstrap() -> Iterator[tuple[str, float]]:
    for bad_rate in (0.1, 0.3):
        labels, a, b = scored(100_000, bad_rate, None)
        for by, clusters in {"rows": None, "clusters of 10": np.arange(labels.size) // 10}.items():
            began = time.process_time()
            paired_bootstrap(
                labels, a, b, metrics=FOUR, clusters=clusters, replicates=REPLICATES, seed=1
            )
            of = f"100,000 rows, {bad_rate:.0%} bad, by {by}"
            yield f"bootstrap of four metrics, CPU s: {of}", time.process_time() - began
    labels, a, b = scored(300_000, 0.008, None)
    ways = {"customer": np.arange(labels.size) // 60, "terminal": np.arange(labels.size) % 9973}
    began = time.process_time()
    paired_average_precision(labels, a, b, clusters=ways, replicates=REPLICATES)
    of = "300,000 rows, 0.8 % bad, four variances"
    yield f"paired average precision, CPU s: {of}", time.process_time() - began


def simulated(times: int) -> Iterator[tuple[str, float]]:
    for shared, rows in ((0.0, "independent rows"), (1.0, "rows clustered by terminal")):
        rng = np.random.default_rng(2)
        # an AUC's look takes a millisecond, one that resamples a hundred
        for look, looks in ((_look_at_auc, 25 * times), (_look_by_resampling, times)):
            found = [look(*equal_models(rng, shared), seed) for seed in range(looks)]
            for key in found[0]:
                values = np.array([figures[key] for figures in found])
                if key.startswith("holds"):
                    yield f"{key}: {rows}", float(values.mean())
                    continue
                yield f"sd of z, {key}: {rows}", float(values.std())
                passed = float(np.mean(values >= Z_MONTHLY))
                yield f"share of z ≥ 2.71 (0.0033), {key}: {rows}", passed


def equal_models(rng: np.random.Generator, shared: float) -> tuple[Any, Any, Any, Any]:
    """Return terminal, label and two scores of 200 terminals with 8 rows, 50 of them hit."""
    terminal = np.repeat(np.arange(200), 8)
    hit = rng.random(200) < 0.25
    labels = (rng.random(terminal.size) < np.where(hit, 0.7, 0.02)[terminal]).astype(np.int64)
    own, together = rng.normal(size=(2, terminal.size)), rng.normal(size=(2, 200))
    a, b = labels + own + shared * together[:, terminal]
    return terminal, labels, a, b


def _look_at_auc(terminal: Any, labels: Any, a: Any, b: Any, _: int) -> dict[str, float]:
    auc = paired_delong(labels, a, b, clusters={"terminal": terminal})
    return {
        "AUC by rows": auc.difference / auc.standard_errors["rows"],
        "AUC by terminal": auc.difference / auc.standard_errors["terminal"],
        "AUC by the largest": auc.difference / auc.standard_error,
    }


def _look_by_resampling(terminal: Any, labels: Any, a: Any, b: Any, seed: int) -> dict[str, float]:
    clusters = {"terminal": terminal}
    ap = paired_average_precision(labels, a, b, clusters=clusters, replicates=200, seed=seed)
    ks = paired_bootstrap(
        labels, a, b, metrics=["ks"], clusters=terminal, replicates=200, seed=seed
    )["ks"]
    return {
        "AP by rows": ap.difference / ap.standard_errors["rows"],
        "AP by terminal": ap.difference / ap.standard_errors["terminal"],
        "AP by the largest": ap.difference / ap.standard_error,
        "holds 0, interval of KS by terminal (0.9)": float(ks.lower <= 0.0 <= ks.upper),
    }


if __name__ == "__main__":
    main()
