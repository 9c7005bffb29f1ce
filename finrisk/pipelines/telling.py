"""Tell people: each notice once over each channel, and what came of it among the ledger's events.

A try is written down before it is made, so that two processes do not tell the same. One that failed
is written down too, and the next call tries again. One that a process did not live to end counts as
told: a notice comes once, or never, and the ledger has what it would have said.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from finrisk.config import Settings, load_settings
from finrisk.errors import FinRiskError
from finrisk.keys import run_key
from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.store import Ledger
from finrisk.monitoring.notices import Notice, notices_of
from finrisk.specs.loader import find_spec

Send = Callable[[Notice], None]
"""Deliver a notice within seconds, or raise."""

NEWS_DAYS = 2  # what is older is no news: turning a channel on does not tell last year
MOST_TRIES = 3

log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Telling:
    """One round of notices over some channels; a channel that fails is left alone until the next.

    Parameters
    ----------
    channels : mapping of str to Send
        By name.
    ledger : Ledger or None
        Where a notice is remembered. None: it is sent all the same, for where the ledger is away
        people must hear of the night that failed so.
    """

    channels: Mapping[str, Send]
    ledger: Ledger | None
    now: Callable[[], datetime] = _utc_now
    silent: set[str] = field(default_factory=set)

    def tell(self, notices: Sequence[Notice]) -> int:
        """Send what was not told before; return how many messages went out. Raises nothing."""
        return sum(
            self._told(notice, name, send)
            for notice in notices
            for name, send in self.channels.items()
        )

    def _told(self, notice: Notice, name: str, send: Send) -> bool:
        if name in self.silent:
            return False
        try:
            number = self._claimed(notice, name)
            if number is None:
                return False
            try:
                send(notice)
            except Exception as exc:  # noqa: BLE001 - a notice costs no night, whatever fails
                self.silent.add(name)
                self._failed(notice, name, number, exc)
                return False
        except (FinRiskError, OSError) as exc:
            log.warning("%s: %s not told over %s: %s", notice.model, notice.key, name, exc)
            return False
        log.info("%s: told over %s: %s", notice.model, name, notice.title)
        return True

    def _claimed(self, notice: Notice, name: str) -> int | None:
        """Write a try down; None where it was told, is being told, or was tried often enough."""
        if self.ledger is None:
            return 1
        tried = [event for event in self._events(notice) if event.document["channel"] == name]
        failed = sum("failed" in event.document for event in tried)
        number = failed + 1
        if len(tried) > 2 * failed or number > MOST_TRIES:
            return None
        mark = uuid4().hex
        sentence = f"told over {name}: {notice.title}"
        document = {"try": number, "mark": mark, "sentence": sentence, "notice": notice.to_json()}
        event = self._record(notice, name, f"try {number}", document)
        return number if event.document["mark"] == mark else None

    def _failed(self, notice: Notice, name: str, number: int, exc: Exception) -> None:
        # another library's message may hold an address, and Slack's address is a secret
        why = str(exc) if isinstance(exc, FinRiskError) else type(exc).__name__
        log.warning("%s: %s not told over %s: %s", notice.model, notice.key, name, why)
        if self.ledger is not None:
            document = {
                "try": number,
                "failed": why,
                "sentence": f"not told over {name}: {notice.title}: {why}",
            }
            self._record(notice, name, f"try {number} failed", document)

    def _events(self, notice: Notice) -> list[Event]:
        if self.ledger is None:
            return []
        events = self.ledger.events(notice.model, EventKind.NOTICE)
        return [event for event in events if event.document["key"] == notice.key]

    def _record(self, notice: Notice, name: str, what: str, document: dict[str, object]) -> Event:
        if self.ledger is None:
            raise FinRiskError("no ledger to remember a notice in", expected="an open ledger")
        return self.ledger.record_event(
            notice.model,
            kind=EventKind.NOTICE,
            key=run_key("notice", notice.key, name, what),
            as_of=None,
            document={"key": notice.key, "channel": name} | document,
            at=self.now(),
        )


def tell(
    notices: Sequence[Notice], channels: Mapping[str, Send], settings: Settings | None = None
) -> int:
    """Tell these notices; return how many messages went out.

    Nothing here costs a night: where the ledger is away they go out unremembered, and what fails
    is logged.
    """
    if not channels or not notices:
        return 0
    try:
        with Ledger.open(settings or load_settings()) as ledger:
            return Telling(channels, ledger).tell(notices)
    except (FinRiskError, OSError) as exc:
        log.warning("notices are not remembered: %s", exc)
        return Telling(channels, None).tell(notices)


def tell_news(model: str, channels: Mapping[str, Send], settings: Settings | None = None) -> int:
    """Tell what the ledger has of a model's last days and people have not heard of.

    Whoever did it: a night, a person on the command line, an automatic rollback.

    Returns
    -------
    int
        How many messages went out. Nothing is raised; what fails is logged and tried again.
    """
    if not channels:
        return 0
    try:
        settings = settings or load_settings()
        spec = find_spec(settings.conf_locations, model)
        with Ledger.open(settings) as ledger:
            news = notices_of(
                ledger.stored_nights(model),
                ledger.history(model),
                ledger.events(model, EventKind.BAKE),
                model=model,
                scope=ledger.scope,
                held_nights=spec.notices.held_nights,
                since=_utc_now() - timedelta(days=NEWS_DAYS),
            )
            return Telling(channels, ledger).tell(news)
    except (FinRiskError, OSError) as exc:
        log.warning("%s: people are not told: %s", model, exc)
        return 0
