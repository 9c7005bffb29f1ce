"""One candidate's way to a version number of its own, in an MLflow that may have been reset.

MLflow makes a new version at every call, and its client repeats a call whose answer was lost. So
the key is looked up before and after, and the lowest version of a key is it.

An MLflow whose database was reset counts from 1 again. A new version's number always comes after
those the ledger knows: lower ones are deleted as they come, for MLflow never gives the number of a
deleted version again (seen on SQLite and over HTTP, 30 and 75 ms a number).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finrisk.errors import ArtifactRejected
from finrisk.faults import reach
from finrisk.records import ModelVersion, TrainedCandidate
from finrisk.tracking import tags
from finrisk.tracking.client import NOT_THERE, process_default
from finrisk.tracking.quiet_mlflow import MlflowException

log = logging.getLogger(__name__)

MODELS = "models:/"
THERE_ALREADY = "RESOURCE_ALREADY_EXISTS"


@dataclass(frozen=True)
class Registration:
    """What becomes a version, under which key, beside which versions the ledger knows.

    Parameters
    ----------
    client : MlflowClient
        Of the registry.
    tracking_uri : str
        Where the candidate's logged model is.
    registered_name : str
        The registered model, made if it is not there.
    trained : TrainedCandidate
        What to register.
    idem_key : str
        Letters, digits and ``_.:-``; is among the tags too.
    version_tags : mapping of str to str
        All tags of the version.
    description : str
        For people.
    known : sequence of ModelVersion
        What the ledger remembers of this model.
    """

    client: Any
    tracking_uri: str
    registered_name: str
    trained: TrainedCandidate
    idem_key: str
    version_tags: Mapping[str, str]
    description: str
    known: Sequence[ModelVersion]

    def number(self) -> int:
        """Return the version's number: the one this key has, else one made now.

        A version of this key whose number the ledger knows as other bytes is none: a crash left it
        while the numbers after a reset were passed over.

        Raises
        ------
        ArtifactRejected
            MLflow gives no number after those the ledger knows.
        """
        others = {known.version for known in self.known if not self._is_this(known)}
        found = self._found()
        kept = [number for number in found if number not in others]
        if kept:
            log.info(
                "%s version %d: MLflow run %s was registered before, and is not again",
                self.registered_name,
                kept[0],
                self.trained.run_id,
            )
        else:
            kept = [self._made_above(floor=max(others, default=0))]
            found = sorted({*kept, *self._found()})
            kept = [number for number in found if number not in others]
        for doubled in set(found) - {kept[0]}:
            drop(self.client, self.registered_name, doubled)
        return kept[0]

    def _is_this(self, known: ModelVersion) -> bool:
        theirs = (known.run_id, known.model_uri, known.artifact_sha256)
        own = self.trained
        return theirs == (own.run_id, own.model_uri, own.artifact_sha256)

    def _found(self) -> list[int]:
        return versions_of_key(self.client, self.registered_name, self.idem_key)

    def _made_above(self, floor: int) -> int:
        """Make versions until one has a number the ledger has not seen."""
        self._ensure()
        for tried in range(floor + 1):  # numbers only rise, so this is enough
            number = self._made()
            if number > floor:
                return number
            if not tried:
                log.warning(
                    "%s: MLflow counts versions from %d again, the ledger knows %d: MLflow's "
                    "database was reset, or the registered model deleted. Numbers go on after %d; "
                    "`finrisk doctor` says what was lost",
                    self.registered_name,
                    number,
                    floor,
                    floor,
                )
            drop(self.client, self.registered_name, number)
        raise ArtifactRejected(
            f"MLflow gives no version of {self.registered_name} a number above {floor}",
            expected="numbers that rise with each version",
            got=number,
            remedy="see that one MLflow alone writes to its database, then run again",
        )

    def _made(self) -> int:
        with process_default(self.tracking_uri):
            made = self.client.create_model_version(
                self.registered_name,
                self.trained.model_uri,
                run_id=self.trained.run_id,
                model_id=self.trained.model_uri.removeprefix(MODELS),
                tags=dict(self.version_tags),
                description=self.description,
                await_creation_for=0,
            )
        reach("register:during")
        return int(made.version)  # an int on SQLite, a str over HTTP

    def _ensure(self) -> None:
        try:
            self.client.get_registered_model(self.registered_name)
        except MlflowException as exc:
            if exc.error_code != NOT_THERE:
                raise
            self._create_model()

    def _create_model(self) -> None:
        try:
            self.client.create_registered_model(self.registered_name)
        except MlflowException as exc:
            if exc.error_code != THERE_ALREADY:  # another process was quicker
                raise


def versions_of_key(client: Any, registered_name: str, idem_key: str) -> list[int]:
    """Return the numbers of the versions that carry this key, lowest first."""
    wanted = f"name = '{registered_name}' and {tags.equals(tags.IDEM_KEY, idem_key)}"
    return sorted(int(found.version) for found in client.search_model_versions(wanted))


def drop(client: Any, registered_name: str, version: int) -> None:
    """Delete a version; one that another process dropped first is gone as well."""
    try:
        client.delete_model_version(registered_name, str(version))
    except MlflowException as exc:
        if exc.error_code != NOT_THERE:
            raise
