"""The one module that speaks Great Expectations, which it imports only when it is called (3 s).

Every result is asked for without values of rows, so neither a verdict nor a page of the Data Docs
can show a customer's. Nothing is sent to anyone, and the documents stay on disk.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from finrisk.faults import WHOLE_FILE, reach
from finrisk.specs.data import Severity

WITHOUT_VALUES = {
    "result_format": "SUMMARY",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line of the contract.

    Attributes
    ----------
    kind : str
        The Great Expectations class.
    check : str
        Our word for it, in verdicts.
    severity : str
        What it means if it fails.
    column : str or None
        The column of the batch it is about.
    arguments : mapping
        Of the Great Expectations class, beside the column.
    """

    kind: str
    check: str
    severity: Severity
    column: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suite:
    """Expectations for one batch of rows."""

    name: str
    batch: pd.DataFrame
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that did not hold, in how many rows (0 where it is not about rows)."""

    suite: str
    expectation: Expectation
    failing: int


def run_suites(
    suites: Sequence[Suite], as_of: date, docs_dir: Path | None
) -> tuple[list[Failure], str | None]:
    """Run suites and write their Data Docs.

    Parameters
    ----------
    suites : sequence of Suite
        With a name of its own each.
    as_of : date
        Names the run in the Data Docs.
    docs_dir : Path or None
        Where the Data Docs go, whole, in place of what is there; ``None``: none are written.

    Returns
    -------
    failures, docs_uri
        In order of the suites and their expectations.
    """
    if docs_dir is None:
        return _run(suites, as_of, None), None
    docs_dir.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=docs_dir.parent, prefix=".", suffix=".tmp") as scratch:
        site = Path(scratch) / docs_dir.name
        failures = _run(suites, as_of, site)
        reach(WHOLE_FILE)
        _move_into_place(site, docs_dir)
    return failures, (docs_dir / "index.html").as_uri()


def _run(suites: Sequence[Suite], as_of: date, docs_dir: Path | None) -> list[Failure]:
    _import_quietly()
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier

    context = gx.get_context(mode="ephemeral", project_config=_quiet_config(docs_dir))
    night = datetime.combine(as_of, time(), tzinfo=UTC)
    run_id = RunIdentifier(run_name=str(as_of), run_time=night)
    source = context.data_sources.add_pandas("landing")
    failures: list[Failure] = []
    for suite in suites:
        asset = source.add_dataframe_asset(suite.name)
        definition = gx.ValidationDefinition(
            name=suite.name,
            data=asset.add_batch_definition_whole_dataframe("all"),
            suite=context.suites.add(_gx_suite(suite)),
        )
        result = context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": suite.batch},
            result_format=WITHOUT_VALUES,
            run_id=run_id,
        )
        failures += _failures(suite, result)
    if docs_dir is not None:
        context.build_data_docs()
    return failures


def _move_into_place(site: Path, docs_dir: Path) -> None:
    """Rename; what was there goes aside whole, because a kill would leave half of a removal."""
    with suppress(FileNotFoundError):
        docs_dir.rename(site.with_name("before"))
    try:
        site.rename(docs_dir)
    except OSError:  # another run of this night was quicker: its pages say the same
        if not docs_dir.is_dir():
            raise


def _import_quietly() -> None:
    """Its own import warns of modules that Python will drop; that is its authors' to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations.expectations  # noqa: F401


def _quiet_config(docs_dir: Path | None) -> Any:
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(docs_dir),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={} if docs_dir is None else {"on_disk": site},
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


def _gx_suite(suite: Suite) -> Any:
    import great_expectations as gx
    from great_expectations import expectations as gxe

    made = []
    for number, expectation in enumerate(suite.expectations):
        arguments = dict(expectation.arguments)
        if expectation.column is not None:
            arguments["column"] = expectation.column
        meta = {"number": number, "check": expectation.check, "severity": expectation.severity}
        made.append(getattr(gxe, expectation.kind)(**arguments, meta=meta))
    return gx.ExpectationSuite(name=suite.name, expectations=made)


def _failures(suite: Suite, result: Any) -> list[Failure]:
    """An expectation that could not be evaluated has failed: unknown never passes."""
    found = {}
    for line in result.results:
        if not line.success:
            number = int(line.expectation_config.meta["number"])
            found[number] = int(line.result.get("unexpected_count") or 0)
    return [Failure(suite.name, suite.expectations[n], found[n]) for n in sorted(found)]
