"""Where data-quality reports are kept: a document and a page a night, and a page of all nights."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from finrisk.atomic import write_whole
from finrisk.data.quality import QualityLine, QualityReport
from finrisk.data.quality_page import Neighbours, index_page, night_page

MOST_NIGHTS = 120
INDEX = "index.html"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QualityStore:
    """The reports of one model in one scope.

    Parameters
    ----------
    root : Path
        ``store/data_quality``, made on first use. It holds counts and shares, no rows.
    scope, model, title : str
        Whose reports.
    """

    root: Path
    scope: str
    model: str
    title: str

    @property
    def folder(self) -> Path:
        """Where the reports are."""
        return self.root / self.scope / self.model

    @property
    def index(self) -> Path:
        """The page that lists the nights."""
        return self.folder / INDEX

    def page(self, as_of: date) -> Path:
        """Return where a night's page is."""
        return self.folder / f"{as_of}.html"

    def keep(self, report: QualityReport) -> str:
        """Write a night's document and page, and the list anew; returns the page without links.

        The page shows the nights before it, and leads to those beside it, whose pages are written
        anew. Written again, each replaces what was there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        others = [line for line in self.history() if line.as_of != report.as_of]
        before = [line for line in others if line.as_of < report.as_of]
        after = others[len(before) :]
        write_whole(self.folder / f"{report.as_of}.json", report.canonical())
        lines = [*before, report.line, *after]
        for beside in (*before[-1:], report.line, *after[:1]):
            self._write_page(beside.as_of, lines)
        self._list(lines)
        return night_page(report, before, title=self.title, scope=self.scope)

    def refresh(self) -> None:
        """Write the list anew, of the nights that are there; the oldest leads to no earlier one."""
        lines = self.history()
        for oldest in lines[:1]:
            self._write_page(oldest.as_of, lines)
        self._list(lines)

    def history(self, limit: int = MOST_NIGHTS) -> list[QualityLine]:
        """Return the newest nights, oldest first; a document that cannot be read is left out."""
        lines = (self._line(night) for night in self._nights()[-limit:])
        return [line for line in lines if line is not None]

    def report(self, as_of: date) -> QualityReport:
        """Return a night's report.

        Raises
        ------
        OSError, ValueError
            There is none, or it is none.
        """
        content = (self.folder / f"{as_of}.json").read_bytes()
        return QualityReport.from_json(json.loads(content))

    def _write_page(self, as_of: date, lines: Sequence[QualityLine]) -> None:
        """Write a night's page; ``lines`` are the nights there are, oldest first."""
        before = [line for line in lines if line.as_of < as_of]
        after = [line for line in lines if line.as_of > as_of]
        beside = Neighbours(
            earlier=before[-1].as_of if before else None, later=after[0].as_of if after else None
        )
        report = self.report(as_of)
        page = night_page(report, before, title=self.title, scope=self.scope, beside=beside)
        write_whole(self.page(as_of), page.encode())

    def _list(self, lines: Sequence[QualityLine]) -> None:
        listed = index_page(
            lines,
            model=self.model,
            title=self.title,
            scope=self.scope,
            of=len(self._nights()),
        )
        write_whole(self.index, listed.encode())

    def _line(self, as_of: date) -> QualityLine | None:
        try:
            return self.report(as_of).line
        except (OSError, ValueError) as exc:
            _log.warning("data quality of %s, %s: %s", self.model, as_of, type(exc).__name__)
            return None

    def _nights(self) -> list[date]:
        """Documents by their night, in order; other files of the folder are somebody's own."""
        found = []
        for file in self.folder.glob("????-??-??.json"):
            try:
                found.append(date.fromisoformat(file.stem))
            except ValueError:
                continue
        return sorted(found)
