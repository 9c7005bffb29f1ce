"""Change freezes: days on which nothing is promoted and no look is spent, but for a rollback.

A freeze is a row that is never changed: a later row moves its end or lifts it, and the newest one
holds. It has no beginning of its own, so a night that pretends to be an earlier day is frozen too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from finrisk.errors import ConfigurationError, PromotionFrozen
from finrisk.ledger.rows import as_record, columns
from finrisk.ledger.schema import FreezeRow, utc
from finrisk.records import Record


@dataclass(frozen=True, slots=True)
class Freeze(Record):
    """One decision about a model's freeze; ``until`` is its last day, None lifts what held."""

    model: str
    number: int
    until: date | None
    reason: str
    actor: str
    at: datetime

    def holds_on(self, day: date) -> bool:
        """Say whether nothing may be promoted as of this day."""
        return self.until is not None and day <= self.until

    @property
    def sentence(self) -> str:
        """What to tell a person, who decided it and why.

        Examples
        --------
        >>> at = datetime.fromisoformat("2025-12-20T09:00:00+00:00")
        >>> Freeze("loans", 1, date(2026, 1, 6), "year-end", "anna", at).sentence
        'change freeze until 2026-01-06 by anna: year-end'
        """
        what = "change freeze lifted" if self.until is None else f"change freeze until {self.until}"
        return f"{what} by {self.actor}: {self.reason}"


def newest(session: Session, scope: str, model: str) -> Freeze | None:
    """Return the decision that counts: the last one, whatever it says."""
    rows = select(FreezeRow).filter_by(scope=scope, model=model)
    row = session.scalars(rows.order_by(FreezeRow.number.desc()).limit(1)).one_or_none()
    return None if row is None else as_record(Freeze, row)


def all_freezes(session: Session, scope: str, model: str) -> list[Freeze]:
    """Return every decision about the model's freeze, oldest first."""
    rows = select(FreezeRow).filter_by(scope=scope, model=model).order_by(FreezeRow.number)
    return [as_record(Freeze, row) for row in session.scalars(rows)]


def holding(session: Session, scope: str, model: str, day: date) -> Freeze | None:
    """Return the freeze that holds on a day, if one does."""
    last = newest(session, scope, model)
    return last if last is not None and last.holds_on(day) else None


def decide(
    session: Session,
    scope: str,
    model: str,
    until: date | None,
    *,
    reason: str,
    actor: str,
    at: datetime,
) -> Freeze:
    """Freeze the model until the end of a day, or with None lift its freeze.

    What the newest decision says already is not written again: that decision is returned.

    Raises
    ------
    ConfigurationError
        No reason or no actor; or there is no freeze to lift.
    """
    given = {"--actor": actor, "--reason": reason}
    missing = [name for name, text in given.items() if not text.strip()]
    if missing:
        raise ConfigurationError(
            f"a change freeze of {model} is neither made nor lifted anonymously",
            expected="an actor and a reason",
            got=f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            remedy="say who decides it and why; both are kept for good",
        )
    last = newest(session, scope, model)
    if until is None and last is None:
        raise ConfigurationError(f"{model} has no change freeze to lift", got=f"scope {scope}")
    if last is not None and _says_the_same(last, until, reason, actor):
        return last
    number = 1 if last is None else last.number + 1
    freeze = Freeze(model, number, until, reason.strip(), actor.strip(), utc(at))
    session.add(FreezeRow(scope=scope, **columns(freeze)))
    return freeze


def check_not_frozen(
    session: Session, scope: str, model: str, as_of: date | None, at: datetime
) -> None:
    """Refuse a promotion as of a day on which the model is frozen.

    A day that has not come counts as the day of ``at`` by the clock that ``at`` itself carries, or
    a date in the future would be the way around a freeze.

    Raises
    ------
    PromotionFrozen
        Names the freeze, and how to lift it.
    """
    day = at.date() if as_of is None else min(as_of, at.date())
    freeze = holding(session, scope, model, day)
    if freeze is not None:
        raise PromotionFrozen(
            f"{model} is not promoted: {freeze.sentence}",
            expected=f"a day after {freeze.until}",
            got=day,
            remedy=f"wait, or lift the freeze: `finrisk freeze {model} --lift --reason WHY`; "
            "a rollback needs neither",
        )


def _says_the_same(last: Freeze, until: date | None, reason: str, actor: str) -> bool:
    if until is None:
        return last.until is None
    return (last.until, last.reason, last.actor) == (until, reason.strip(), actor.strip())
