"""Score a batch: a file that a person hands in, or the landed rows of some days.

Rows go through in pieces. A row that cannot be scored ends the batch before anything is written:
the decision log gets all of it or nothing, and the file of scores appears after the log has it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import monotonic

import pyarrow as pa

from finrisk.data.decision_log import Batch, DecisionLog
from finrisk.data.decision_rows import ScoredRows
from finrisk.data.given_files import GivenFile
from finrisk.data.scores_file import ScoresFile, scores_file
from finrisk.errors import ConfigurationError
from finrisk.pipelines.decider import Decider, open_decider
from finrisk.pipelines.given_rows import GivenRows
from finrisk.pipelines.landed_days import landed_days
from finrisk.pipelines.ready_rows import ReadyRows, RowKeys, read_ahead
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring_report import ScoringReport, Tally
from finrisk.wording import counted

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
TELL_SECONDS = 2.0


def score_file(
    rooms: Rooms,
    file: Path,
    *,
    output: Path | None,
    as_of: date | None = None,
    version: int | None = None,
    record: bool = True,
    tell: Tell = lambda _: None,
) -> ScoringReport:
    """Score the rows of a file.

    Parameters
    ----------
    file : Path
        CSV or Parquet with the columns that :class:`finrisk.pipelines.given_rows.GivenRows` needs.
    output : Path, optional
        Where scores and decisions go.
    as_of : date, optional
        The day that the batch pretends it is: rows of later days are refused, and rows without a
        time column are of this day. Default: today, and the time column must be there.
    version : int, optional
        Another than the champion.
    record : bool
        Whether the decisions are logged.
    tell : callable, optional
        Hears what is being done.

    Raises
    ------
    ConfigurationError
        Nothing would come of it, there is no such file, version or champion, or the day has not
        come.
    LandingError, ContractBreach
        The file cannot be read, or a row of it cannot be scored.
    ArtifactRejected
        The version does not verify.
    """
    _demand_use(output, record=record)
    decider = open_decider(rooms, version)
    day = rooms.day(as_of)
    given = GivenRows(GivenFile.open(file), rooms.spec, day, undated=as_of is not None)
    if record and given.without:
        tell(f"no column {', '.join(given.without)}: null in the decision log")
    return _Scoring(rooms, decider, output, record, tell).of(given.pieces(), file.name)


def score_days(
    rooms: Rooms,
    first: date,
    last: date,
    *,
    output: Path | None = None,
    version: int | None = None,
    record: bool = True,
    without: frozenset[date] = frozenset(),
    tell: Tell = lambda _: None,
) -> ScoringReport:
    """Score what landed of some days that have passed, both ends included.

    Parameters
    ----------
    without : frozenset of date
        Days to pass over.
    output, version, record, tell
        As for :func:`score_file`.

    Raises
    ------
    ConfigurationError
        Nothing would come of it, the days are in the wrong order or have not passed, or there is no
        such version or champion.
    NothingLanded
        These days have no row.
    LandingError, ContractBreach, LabelError
        What landed cannot be used.
    ArtifactRejected
        The version does not verify.
    """
    _demand_use(output, record=record)
    if last >= (today := rooms.day()):
        raise ConfigurationError(
            f"{last} has not passed yet: a day's rows are scored once all of them can have landed",
            expected=f"{today - timedelta(days=1)} at the latest",
            remedy="hand in rows of today as a file, with --input",
        )
    decider = open_decider(rooms, version)
    with landed_days(rooms, first, last, without=without, tell=tell) as pieces:
        scoring = _Scoring(rooms, decider, output, record, tell)
        return scoring.of(pieces, f"the landing of {rooms.spec.name}")


def _demand_use(output: Path | None, *, record: bool) -> None:
    if output is None and not record:
        raise ConfigurationError(
            "nothing would come of it", expected="a file for the scores, or the decision log"
        )


@dataclass(frozen=True)
class _Scoring:
    """One batch: who decides, and where its decisions go."""

    rooms: Rooms
    decider: Decider
    output: Path | None
    record: bool
    tell: Tell

    def of(self, pieces: Iterator[ReadyRows], where: str) -> ScoringReport:
        """Score every piece, and let what was made of them appear."""
        keys, tally, scored_at = RowKeys(), Tally(), self.rooms.now()
        told = monotonic()
        with self._written() as (file, batch):
            for piece in read_ahead(pieces):
                keys.add(piece.ids)
                scores, decisions = self.decider.decide(piece.features)
                if file is not None:
                    file.write(piece.ids, scores, decisions, by=self.decider.by)
                if batch is not None:
                    scored = self._as_logged(piece, scores, decisions)
                    batch.add(scored, scored_at=scored_at, ends_day=piece.ends_day)
                tally.add(piece, decisions)
                if monotonic() - told > TELL_SECONDS:
                    self.tell(f"{counted(tally.rows, 'row')} scored")
                    told = monotonic()
            keys.demand_once(where)
        report = self._report(tally)
        log.info("%s", report.sentence)
        return report

    @contextmanager
    def _written(self) -> Iterator[tuple[ScoresFile | None, Batch | None]]:
        """Open what is wanted; no decision leaves in a file that the log does not have."""
        with ExitStack() as stack:
            file = batch = None
            if self.output is not None:
                file = stack.enter_context(scores_file(self.output, self.rooms.spec))
            if self.record:
                decisions = DecisionLog.open(self.rooms.settings)
                batch = stack.enter_context(decisions.batch(self.rooms.spec, self.decider.by))
            yield file, batch

    def _as_logged(self, piece: ReadyRows, scores: pa.Array, decisions: pa.Array) -> ScoredRows:
        seen = piece.features[list(self.decider.model.feature_names)]
        return ScoredRows(piece.ids, piece.days, scores, decisions, seen, piece.beside)

    def _report(self, tally: Tally) -> ScoringReport:
        by = self.decider.by
        return ScoringReport(
            model=by.model,
            scope=self.rooms.settings.scope,
            version=by.version,
            epoch=by.epoch,
            rows=tally.rows,
            decisions=dict(tally.words),
            first_day=min(tally.days, default=None),
            last_day=max(tally.days, default=None),
            days=len(tally.days),
            logged=tally.rows if self.record else 0,
            output=None if self.output is None else str(self.output),
            reason="" if tally.rows else "every day was passed over",
        )
