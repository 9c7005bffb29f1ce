"""MLflow as people look at it: runs, their files, registered versions. Nothing is ever written.

Each question first asks the address shortly: a server that is away is said so at once, not after
the retries of MLflow's client; and a database that nobody made yet is not made by looking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from finrisk.errors import UnknownRun
from finrisk.tracking import run_files
from finrisk.tracking.browsing import BrowsedRun, RunBrowser, RunPage, browser_of
from finrisk.tracking.client import NOT_THERE, answering
from finrisk.tracking.health import MlflowHealth
from finrisk.tracking.listing import pages
from finrisk.tracking.quiet_mlflow import MlflowException
from finrisk.tracking.run_files import RunDetail, RunFile
from finrisk.tracking.wanted_runs import Wanted, demand_searchable

R = TypeVar("R")
VERSIONS_A_CALL, MOST_VERSIONS = 200, 1000


@dataclass(frozen=True, slots=True)
class VersionInMlflow:
    """A version as MLflow's registry has it."""

    number: int
    registered: datetime
    run_id: str
    description: str


@dataclass(frozen=True, slots=True)
class RegisteredInMlflow:
    """A registered model as MLflow shows it.

    Parameters
    ----------
    there : bool
        False: MLflow has no registered model of this name.
    aliases : dict of str to int
        Every alias, and the version it points at.
    versions : dict of int to VersionInMlflow
        Those within the numbers that were asked for.
    """

    there: bool
    aliases: Mapping[str, int]
    versions: Mapping[int, VersionInMlflow]


class MlflowLooker(MlflowHealth):
    """Questions of people who look; opened once, asked from several threads.

    Every method raises ``Unreachable`` where MLflow does not answer, and ``ConfigurationError``
    where the scope's experiment was deleted.
    """

    def page(self, wanted: Wanted, token: str | None = None) -> RunPage:
        """Return one page of the scope's runs; an empty one where there is no experiment yet.

        Raises
        ------
        ConfigurationError
            MLflow cannot search for this.
        """
        demand_searchable(wanted)
        found = self._browsing(lambda browser, experiment: browser.page(experiment, wanted, token))
        return found or RunPage((), 0, None)

    def of_runs(self, run_ids: Sequence[str]) -> list[BrowsedRun]:
        """Return those of these runs that there are, a page of them at most."""
        return (
            self._browsing(lambda browser, experiment: browser.of_runs(experiment, run_ids)) or []
        )

    def algorithms(self) -> list[str]:
        """Return the algorithms that runs name; none where only fetching all of them would tell."""
        return self._browsing(lambda browser, experiment: browser.algorithms(experiment)) or []

    def whole_run(self, run_id: str) -> RunDetail:
        """Return all that one run says; ``UnknownRun`` where the experiment has none such."""
        return self._of_run(run_id, lambda own: run_files.look_into(self._client, run_id, own))

    def files(self, run_id: str) -> list[RunFile]:
        """Return the files of a run, a hundred at most."""

        def listed(own: str) -> list[RunFile]:
            run_files.look_into(self._client, run_id, own)
            return run_files.files_of(self._client, run_id)

        return self._of_run(run_id, listed)

    def read_file(self, run_id: str, path: str) -> bytes:
        """Return a picture's or a document's bytes.

        Raises
        ------
        ArtifactRejected
            It is too large, elsewhere, or not what it is called.
        UnknownRun
            The experiment has no such run.
        """
        uri = self.settings.tracking_uri
        return self._of_run(
            run_id, lambda own: run_files.read_file(self._client, uri, run_id, own, path)
        )

    def registered(self, registered_name: str, lowest: int, highest: int) -> RegisteredInMlflow:
        """Return a registered model's aliases, and its versions between two numbers, both included.

        A thousand versions at most, the highest.
        """
        if not self.registry().made:
            return RegisteredInMlflow(there=False, aliases={}, versions={})
        with answering(self.settings.registry_uri):
            try:
                model = self._client.get_registered_model(registered_name)
            except MlflowException as exc:
                if exc.error_code != NOT_THERE:
                    raise
                return RegisteredInMlflow(there=False, aliases={}, versions={})
            between = f"version_number >= {int(lowest)} and version_number <= {int(highest)}"
            found = self._versions(f"name = '{registered_name}' and {between}")
        aliases = {str(alias): int(number) for alias, number in model.aliases.items()}
        versions = {int(one.version): _version(one) for one in found}
        return RegisteredInMlflow(there=True, aliases=aliases, versions=versions)

    def _versions(self, wanted: str) -> list[Any]:
        def searched(token: str | None) -> Any:
            return self._client.search_model_versions(
                wanted, VERSIONS_A_CALL, order_by=["version_number DESC"], page_token=token
            )

        return list(islice(pages(searched), MOST_VERSIONS))

    def _browsing(self, question: Callable[[RunBrowser, str], R]) -> R | None:
        """Ask about the scope's runs; None where nobody made its experiment yet."""
        experiment = self._experiment()
        if experiment is None:
            return None
        with answering(self.settings.tracking_uri):
            return question(browser_of(self.settings, self._client), experiment)

    def _of_run(self, run_id: str, question: Callable[[str], R]) -> R:
        experiment = self._experiment()
        if experiment is None:
            raise UnknownRun(f"there is no MLflow run {run_id[:40]!r}: MLflow holds none yet")
        with answering(self.settings.tracking_uri):
            return question(experiment)

    def _experiment(self) -> str | None:
        return self.experiment() if self.tracking().made else None


def _version(found: Any) -> VersionInMlflow:
    return VersionInMlflow(
        number=int(found.version),  # an int on SQLite, a str over HTTP
        registered=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
        run_id=str(found.run_id or ""),
        description=str(found.description or ""),
    )
