"""Do the landed rows keep their contract? Two suites a night, both generated from the spec.

The first judges every row; the second a profile with one row a vintage. What fails is named with
its column, its count and masked examples, never with a customer's value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from finrisk.data.contract_rules import hidden_columns, profile_rules, row_rules
from finrisk.data.findings import profile_finding, row_finding
from finrisk.data.gx_adapter import Suite, run_suites
from finrisk.data.labels import Labelled
from finrisk.data.landing import Landing
from finrisk.data.profile import vintage_profile, watched_for_missing
from finrisk.faults import reach
from finrisk.records import Check, DataVerdict
from finrisk.specs.model_spec import ModelSpec

ROWS_SUITE = "rows"
PROFILE_SUITE = "vintages"
OTHER_TYPE = "(another type)"


def validate(
    landing: Landing,
    labelled: Labelled,
    spec: ModelSpec,
    as_of: date,
    docs_dir: Path | None,
    before: tuple[Check, ...] = (),
) -> DataVerdict:
    """Judge landed rows by the model's contract.

    Parameters
    ----------
    landing : Landing
        What landed, with the breaches already seen while reading.
    labelled : Labelled
        The same rows with their labels.
    spec : ModelSpec
        Its columns and its contract.
    as_of : date
        The night's day.
    docs_dir : Path or None
        Data Docs go to ``<docs_dir>/<model>/<as_of>``; ``None``: none are written.
    before : tuple of Check
        What was found before these rows came here; it goes into the verdict.

    Returns
    -------
    DataVerdict
        ``block`` if any failed check blocks, else ``warn`` if any warns, else ``pass``.
    """
    if landing.frame.empty:
        nothing = Check("block", None, "rows", 0, f"no row of {spec.name!r} landed by {as_of}")
        return DataVerdict("block", (nothing, *landing.breaches, *before), checks_run=1)
    batch = _rows_batch(landing, labelled, spec)
    profile = vintage_profile(landing, labelled, spec, as_of)
    suites = _suites(batch, profile, landing, spec, as_of)
    docs = None if docs_dir is None else docs_dir / spec.name / str(as_of)
    failures, docs_uri = run_suites(suites, as_of, docs)
    reach("validate:during")
    failed = [
        row_finding(failure, batch, landing)
        if failure.suite == ROWS_SUITE
        else profile_finding(failure, profile)
        for failure in failures
    ]
    failed += [breach for breach in landing.breaches if breach not in failed]
    failed += (*before, *labelled.findings)
    return DataVerdict(
        result=_worst(failed),
        failed=tuple(sorted(failed, key=lambda check: check.severity != "block")),
        checks_run=sum(len(suite.expectations) for suite in suites),
        docs_uri=docs_uri,
        label_completeness=labelled.completeness,
    )


def _suites(
    batch: pd.DataFrame, profile: pd.DataFrame, landing: Landing, spec: ModelSpec, as_of: date
) -> tuple[Suite, Suite]:
    of_rows = row_rules(
        spec,
        as_of,
        missing=landing.missing_columns,
        ill_typed=_ill_typed(landing),
        empty=[str(name) for name in batch.columns[batch.isna().all()]],
    )
    of_vintages = profile_rules(spec, watched_for_missing(spec, landing))
    return (
        Suite(ROWS_SUITE, batch, of_rows),
        Suite(PROFILE_SUITE, profile.reset_index(), of_vintages),
    )


def _rows_batch(landing: Landing, labelled: Labelled, spec: ModelSpec) -> pd.DataFrame:
    """Show Great Expectations the delivery as it was: columns lacking, unknown or of no type."""
    present = [c for c in spec.columns if c not in landing.missing_columns]
    batch = labelled.frame[[*hidden_columns(spec), *present]]
    strangers = dict.fromkeys(landing.unknown_columns, None)
    ill_typed = dict.fromkeys((c for c in _ill_typed(landing) if c in batch), OTHER_TYPE)
    return batch.assign(**strangers).assign(**ill_typed).astype(dict.fromkeys(ill_typed, object))


def _ill_typed(landing: Landing) -> tuple[str, ...]:
    return tuple(b.column for b in landing.breaches if b.check == "type" and b.column is not None)


def _worst(failed: Sequence[Check]) -> str:
    severities = {check.severity for check in failed}
    return "block" if "block" in severities else "warn" if severities else "pass"
