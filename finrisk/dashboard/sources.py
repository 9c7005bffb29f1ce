"""Where the answers come from: the settings, the specs, one ledger a scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import ParamSpec, TypeVar

import streamlit as st

from finrisk.config import Settings, load_settings
from finrisk.ledger.store import Ledger
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.watched import WatchedSpecs

REMEMBERED_SECONDS = 60
MOST_REMEMBERED = 500

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Whose:
    """One model in one scope: what almost every question is about."""

    scope: str
    model: str


class Sources:
    """Settings, specs and ledgers, opened at the first question that needs them.

    Streamlit runs each person's page in a thread of its own; all of them share these.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._specs: dict[str, WatchedSpecs] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._one = Lock()

    def ledger(self, scope: str) -> Ledger:
        """Return the ledger of a scope.

        Raises
        ------
        Unreachable
            It was never set up, or does not answer; asked again, it is opened again.
        """
        with self._one:
            if scope not in self._ledgers:
                self._ledgers[scope] = Ledger.open(self.settings.in_scope(scope))
            return self._ledgers[scope]

    def specs(self, scope: str = "") -> dict[str, ModelSpec]:
        """Return the sound specs of now, by model: those of the lender whose scope it is."""
        whose = self.settings.in_scope(scope) if scope else self.settings
        with self._one:
            if whose.tenant not in self._specs:
                self._specs[whose.tenant] = WatchedSpecs(whose.conf_locations)
            return self._specs[whose.tenant].now()

    def spec(self, whose: Whose) -> ModelSpec | None:
        """Return a model's spec; None where no file declares it."""
        return self.specs(whose.scope).get(whose.model)

    def is_scheduled(self, scope: str) -> bool:
        """Say whether the scheduler runs this scope's nights: a replay's are never due."""
        own = self.settings.scope
        return scope == own or (self.settings.is_live and self.settings.in_scope(scope).is_live)

    def let_go(self) -> None:
        """Give connections back to a SQLite file that changed: it may be another of its name."""
        with self._one:
            for ledger in self._ledgers.values():
                ledger.close_if_changed()

    def close(self) -> None:
        """Give every connection back."""
        with self._one:
            for ledger in self._ledgers.values():
                ledger.close()


@st.cache_resource(show_spinner=False, on_release=Sources.close)
def sources() -> Sources:
    """Return what every page asks, opened once a process.

    Raises
    ------
    SettingsError
        The environment names a setting that does not fit.
    """
    return Sources(load_settings())


def remembered(question: Callable[P, R]) -> Callable[P, R]:
    """Let a question's answer stand for a minute, or until the ledger's pulse changes.

    Everybody who looks shares the answer. An error is not remembered.
    """
    keep = st.cache_data(ttl=REMEMBERED_SECONDS, max_entries=MOST_REMEMBERED, show_spinner=False)
    return keep(question)
