"""What MLflow is told about a night as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from finrisk.records import PreparedNight, SnapshotRef
from finrisk.tracking import tags
from finrisk.tracking.quiet_mlflow import Dataset, DatasetInput, InputTag

DIGEST_CHARACTERS = 36  # MLflow's column for a dataset's digest; the whole one stands in its source


def night_tags(prepared: PreparedNight) -> dict[str, str]:
    """Return the tags of the parent run; free text of a person is not among them."""
    request = prepared.request
    return {
        tags.ROLE: tags.NIGHT,
        tags.MODEL: request.model,
        tags.AS_OF: request.as_of.isoformat(),
        "finrisk.look": request.look.value,
        "finrisk.dry_run": str(request.dry_run).lower(),
        "finrisk.status": prepared.status.value,
        "finrisk.data": prepared.data.result,
        "finrisk.spec_sha256": prepared.spec_sha256,
    }


def quality_tags(model: str, model_type: str, as_of: date) -> dict[str, str]:
    """Return the tags of a data-quality run."""
    return {
        tags.ROLE: tags.QUALITY,
        tags.MODEL: model,
        tags.AS_OF: as_of.isoformat(),
        "experiment_type": "data_quality",
        "model_type": model_type,
        "dataset": f"{model}_landing",
    }


def monitoring_tags(
    model: str, model_type: str, as_of: date, states: Mapping[str, int]
) -> dict[str, str]:
    """Return the tags of a day's monitoring run: how many readings are in each state."""
    return {
        tags.ROLE: tags.MONITORING,
        tags.MODEL: model,
        tags.AS_OF: as_of.isoformat(),
        "experiment_type": "monitoring",
        "model_type": model_type,
        **{f"finrisk.readings.{state}": str(count) for state, count in states.items()},
    }


def snapshot_params(snapshot: SnapshotRef) -> dict[str, object]:
    """Return the parent run's parameters: which rows there were."""
    return {
        "snapshot_sha256": snapshot.sha256,
        "rows": snapshot.rows,
        "bads": snapshot.bads,
        "indeterminate": snapshot.indeterminate,
        "immature": snapshot.immature,
        "development": f"{snapshot.development.first_day} .. {snapshot.development.last_day}",
        "development_rows": snapshot.development.rows,
        "holdout": f"{snapshot.holdout.first_day} .. {snapshot.holdout.last_day}",
        "holdout_rows": snapshot.holdout.rows,
    }


def dataset_input(snapshot: SnapshotRef) -> Any:
    """Return the snapshot as an MLflow dataset input: digest, address and counts, never rows."""
    dataset = Dataset(
        name="snapshot",
        digest=snapshot.sha256[:DIGEST_CHARACTERS],
        source_type="local",
        source=json.dumps({"uri": snapshot.uri, "sha256": snapshot.sha256}),
        profile=json.dumps({"rows": snapshot.rows, "bads": snapshot.bads}),
    )
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "training")])
