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


@dataclass
class Telling:
    """One round of notices over some channels; a channel that fails is left alone until the next.

    Parameters
    ----------
    channels : mapping of str to Send
        By name.
    ledger : Ledger or None
        Where a notice is remembered. None: it is sent all the same, for where the ledger is away
        people must hear of the night that failed so.
    unremembered : bool
        Whether a notice also goes out where the ledger is there and takes no write. What is read
        from the ledger is not lost with it: it can wait for the next round.
    """

    channels: Mapping[str, Send]
    ledger: Ledger | None
    now: Callable[[], datetime] = _utc_now
    unremembered: bool = False
    silent: set[str] = field(default_factory=set)
    _remembers: bool = field(default=True, init=False)

    def tell(self, notices: Sequence[Notice]) -> int:
        """Send what was not told before; return how many messages went out. Raises nothing."""
        return sum(
            self._told(notice, name, send)
            for notice in notices
            for name, send in self.channels.items()
        )

    def _told(self, notice: Notice, name: str, send: Send) -> bool:
        if name in self.silent or (number := self._may_try(notice, name)) is None:
            return False
        try:
            send(notice)
        except Exception as exc:  # noqa: BLE001 - a notice costs no night, whatever fails
            self.silent.add(name)
            self._failed(notice, name, number, exc)
            return False
        log.info("%s: told over %s: %s", notice.model, name, notice.title)
        return True

    def _may_try(self, notice: Notice, name: str) -> int | None:
        """Return the number of this try; None: it is not made.

        A ledger that failed once is left alone for the round: each wait for it takes ten seconds.
        """
        if self._remembers:
            try:
                return self._claimed(notice, name)
            except Exception as exc:  # noqa: BLE001 - nor does a ledger, whatever it fails on
                self._remembers = False
                log.warning("%s: %s cannot be remembered: %s", notice.model, notice.key, _why(exc))
        return 1 if self.unremembered else None

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
        why = _why(exc)
        log.warning("%s: %s not told over %s: %s", notice.model, notice.key, name, why)
        if self.ledger is None or not self._remembers:
            return
        document = {
            "try": number,
            "failed": why,
            "sentence": f"not told over {name}: {notice.title}: {why}",
        }
        try:
            self._record(notice, name, f"try {number} failed", document)
        except Exception as again:  # noqa: BLE001 - as above
            self._remembers = False
            log.warning("%s: this is not remembered: %s", notice.model, _why(again))

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


def _why(exc: Exception) -> str:
    # another library's message may hold an address, and Slack's address is a secret
    return str(exc) if isinstance(exc, FinRiskError) else type(exc).__name__


def tell(
    notices: Sequence[Notice], channels: Mapping[str, Send], settings: Settings | None = None
) -> int:
    """Tell these notices; return how many messages went out.

    Nothing here costs a night: where the ledger is away, or takes no write, they go out
    unremembered, and what fails is logged.
    """
    if not channels or not notices:
        return 0
    try:
        with Ledger.open(settings or load_settings()) as ledger:
            return Telling(channels, ledger, unremembered=True).tell(notices)
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
