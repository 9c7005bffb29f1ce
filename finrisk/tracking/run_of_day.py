"""Which MLflow run tells of a model's day: its data quality, or what monitors read."""

from __future__ import annotations

from datetime import date

from finrisk.config import Settings
from finrisk.tracking import tags
from finrisk.tracking.client import answering, open_client


def run_of_day(settings: Settings, role: str, model: str, as_of: date) -> str | None:
    """Return the newest finished run of this role; None where MLflow has none.

    Parameters
    ----------
    role : str
        ``tags.QUALITY`` or ``tags.MONITORING``.

    Raises
    ------
    Unreachable
        MLflow does not answer.
    """
    wanted = " and ".join(
        tags.equals(tag, value)
        for tag, value in {
            tags.ROLE: role,
            tags.MODEL: model,
            tags.AS_OF: as_of.isoformat(),
            tags.COMPLETE: tags.YES,
        }.items()
    )
    client = open_client(settings)
    with answering(settings.tracking_uri):
        experiment = client.get_experiment_by_name(settings.scoped_experiment)
        if experiment is None:
            return None
        newest = ["attributes.start_time DESC"]
        found = client.search_runs(
            [experiment.experiment_id], wanted, max_results=1, order_by=newest
        )
    return str(found[0].info.run_id) if found else None
