"""Whether anything of a scope has changed: for whoever shows it and does not want to ask it all."""

from __future__ import annotations

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from finrisk.ledger.schema import (
    EventRow,
    FreezeRow,
    NightRow,
    PromotionRow,
    ReadingRow,
    RerunRow,
    SignatureRow,
    VersionRow,
)

ADDED = (NightRow, PromotionRow, EventRow, FreezeRow, SignatureRow)


def pulse(session: Session, scope: str) -> str:
    """Return a text that is another one once a row of the scope was added or changed.

    One count and one newest moment a table: a row that took another's place has a newer moment.
    Readings are many: of them only the newest day is asked, an earlier one read again is no news.
    """
    beats: list[object] = []
    for table in ADDED:
        asked = select(func.count(), func.max(table.at)).where(table.scope == scope)
        beats += session.execute(asked).one()
    newest = select(func.max(ReadingRow.as_of)).where(ReadingRow.scope == scope)
    read = select(func.count(), func.max(ReadingRow.at)).where(ReadingRow.scope == scope)
    of_newest = ReadingRow.as_of == newest.scalar_subquery()
    beats += session.execute(read.where(of_newest)).one()
    shown = func.sum(cast(PromotionRow.projected, Integer))
    beats.append(session.scalar(select(shown).where(PromotionRow.scope == scope)))
    beats.append(session.scalar(select(func.count()).where(VersionRow.scope == scope)))
    of_alerts = (func.count(), func.sum(RerunRow.deliveries), func.count(RerunRow.started))
    beats += session.execute(select(*of_alerts).where(RerunRow.scope == scope)).one()
    return " ".join(map(str, beats))
