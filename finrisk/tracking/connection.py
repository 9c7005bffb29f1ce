"""A connection to MLflow that follows the environment, unless it was given settings."""

from __future__ import annotations

from typing import Any

from finrisk.config import Settings, load_settings
from finrisk.tracking.client import find_experiment, open_client


class Connection:
    """The settings in force and a client on them; nothing is read or opened before first use.

    ``model_registry`` exists at import, and a program sets ``MLFLOW_TRACKING_URI`` after its
    imports: so the environment is read at each use, and the client kept while it says the same.

    Parameters
    ----------
    given : Settings, optional
        Used for good; without them, the environment's.
    changes : str
        Fields of Settings that differ from the environment's, None left out.
    """

    def __init__(self, given: Settings | None = None, **changes: str | None) -> None:
        self._given = given
        self._changes = {name: value for name, value in changes.items() if value is not None}
        self._opened: tuple[Settings, Any] | None = None

    @property
    def settings(self) -> Settings:
        """The settings in force now."""
        settings = self._given or load_settings()
        if not self._changes:
            return settings
        return Settings.model_validate(settings.model_dump() | self._changes)

    @property
    def client(self) -> Any:
        """An ``MlflowClient`` on the settings in force; raises ``Unreachable``."""
        settings = self.settings
        if self._opened is None or self._opened[0] != settings:
            self._opened = (settings, open_client(settings))
        return self._opened[1]

    @property
    def experiment_id(self) -> str:
        """The experiment of the settings in force, made if it is not there; asked anew each time.

        Somebody may delete it between two calls, and MLflow's own answer to that names no remedy.
        """
        return find_experiment(self.client, self.settings)
