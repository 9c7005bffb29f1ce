"""Everything there is of one kind in MLflow, page by page: experiments, runs, models, versions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finrisk.config import Settings
from finrisk.names import LIVE, SCOPE_PATTERN
from finrisk.tracking import tags
from finrisk.tracking.quiet_mlflow import ViewType

PAGE = 1000
IDS = re.compile(r"m-[0-9a-f]{32}|[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version in MLflow's registry; ``model`` is the spec's name if FinRisk registered it."""

    name: str
    number: int
    model: str | None
    aliases: tuple[str, ...] = ()


def experiments_of(client: Any, settings: Settings) -> Iterator[tuple[str, str]]:
    """Give the id and the scope of each experiment that the nights of this lender write."""
    own = settings.experiment_name
    for experiment in pages(
        lambda token: client.search_experiments(max_results=PAGE, page_token=token)
    ):
        scope = experiment.name.removeprefix(own).removeprefix("-") or LIVE
        known = re.fullmatch(SCOPE_PATTERN, scope) is not None
        if not known or not settings.owns_scope(scope):
            continue
        if experiment.name == settings.in_scope(scope).scoped_experiment:
            yield str(experiment.experiment_id), scope


def runs_of(client: Any, experiment_id: str) -> Iterator[Any]:
    """Give every run that is of a model of FinRisk's, deleted ones among them."""
    return pages(
        lambda token: client.search_runs(
            [experiment_id],
            f"tags.`{tags.MODEL}` LIKE '%'",
            run_view_type=ViewType.ALL,
            max_results=PAGE,
            page_token=token,
        )
    )


def logged_models_of(client: Any, experiment_ids: list[str]) -> dict[str, dict[str, str]]:
    """Return where the logged models of each run are, by the run's id and their own."""
    located: dict[str, dict[str, str]] = defaultdict(dict)
    if not experiment_ids:  # MLflow takes none for a mistake
        return located
    for model in pages(
        lambda token: client.search_logged_models(
            experiment_ids, max_results=PAGE, page_token=token
        )
    ):
        located[str(model.source_run_id)][str(model.model_id)] = str(model.artifact_location)
    return located


def versions_of(client: Any) -> dict[str, list[RegisteredVersion]]:
    """Return the versions of every registered model, by the run ids and model ids they name."""
    aliases = {
        model.name: model.aliases
        for model in pages(
            lambda token: client.search_registered_models(max_results=PAGE, page_token=token)
        )
    }
    named: dict[str, list[RegisteredVersion]] = defaultdict(list)
    for found in pages(
        lambda token: client.search_model_versions(max_results=PAGE, page_token=token)
    ):
        version = _version(found, aliases.get(found.name, {}))
        for name in {str(found.run_id), *IDS.findall(str(found.source))}:
            named[name].append(version)
    return named


def _version(found: Any, aliases: Mapping[str, Any]) -> RegisteredVersion:
    number = int(found.version)  # an int on SQLite, a str over HTTP
    pointing = sorted(alias for alias, to in aliases.items() if int(to) == number)
    return RegisteredVersion(found.name, number, found.tags.get(tags.MODEL), tuple(pointing))


def pages(search: Callable[[str | None], Any]) -> Iterator[Any]:
    """Give what a search finds, page after page; ``search`` takes the page's token."""
    token = None
    while True:
        page = search(token)
        yield from page
        if not (token := page.token):
            return
