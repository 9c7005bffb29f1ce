"""Where a request becomes an answer: who asks, what, of whom; scored, kept for the log, told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from finrisk.errors import DataError
from finrisk.names import LIVE
from finrisk.serving.beside import Beside
from finrisk.serving.decision_writer import DecisionWriter
from finrisk.serving.metrics import Metrics
from finrisk.serving.parts import Part, by_arms, in_order, part_of
from finrisk.serving.problems import Refused
from finrisk.serving.reasons import Reason
from finrisk.serving.requests import Asked
from finrisk.serving.seat import Seat
from finrisk.serving.seated import Seated, day_of
from finrisk.serving.shadow import Shadows

NO_DECISION = "none"
JOINED = ("X-FinRisk-Model-Version", "X-FinRisk-Artifact-SHA256")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent.

    Parameters
    ----------
    body : bytes
        JSON.
    seated : Seated
        The version that answered; where several did, the champion.
    rows : int
        How many were scored.
    others : tuple of Seated
        Who answered rows beside it.
    """

    body: bytes
    seated: Seated
    rows: int
    others: tuple[Seated, ...] = ()

    @property
    def headers(self) -> dict[str, str]:
        """What is said of who answered: the champion's epoch, and every version."""
        told = self.seated.headers
        for other in self.others:
            more = other.headers
            told |= {name: f"{told[name]}, {more[name]}" for name in JOINED}
        return told


@dataclass(frozen=True)
class Desk:
    """Answers requests by the versions in their seats.

    Parameters
    ----------
    seats : mapping of str to Seat
        By model.
    default : str or None
        The model of ``/predict``; None: none was named, and there are several.
    writer : DecisionWriter
        Takes what is decided.
    now : callable
        The moment of a decision, with its zone.
    beside : mapping of str to Beside
        Who runs beside the champions, by model.
    shadows : Shadows, optional
        Scores what was answered once more, later.
    tenant : str
        The scope whose models these are, and which the keys that reach it name.
    """

    seats: Mapping[str, Seat]
    default: str | None
    writer: DecisionWriter
    metrics: Metrics
    now: Callable[[], datetime]
    beside: Mapping[str, Beside] = field(default_factory=dict)
    shadows: Shadows | None = None
    tenant: str = LIVE

    def seat(self, model: str) -> Seat:
        """Return a model's seat.

        Raises
        ------
        Refused
            404: it is not served here.
        """
        found = self.seats.get(model)
        if found is None:
            raise Refused(
                404, "no-such-model", "no such model is served here", remedy="/readyz names them"
            )
        return found

    def refresh(self) -> None:
        """Ask the ledger who runs beside each champion."""
        for model, beside in self.beside.items():
            seat = self.seats[model]
            beside.refresh(seat.current, ledger_answers=seat.ledger_answers)

    def default_model(self) -> str:
        """Return the model of ``/predict``.

        Raises
        ------
        Refused
            404: several are served and none is the default.
        """
        if self.default is None:
            raise Refused(
                404,
                "no-default-model",
                "several models are served, and none is the default",
                remedy="ask /v1/models/{model}/score, or serve with --default MODEL",
            )
        return self.default

    def predict(self, body: bytes) -> Answer:
        """Answer a request of ``/predict``.

        Raises
        ------
        Refused
            With the status that is sent.
        """
        seated = self.seat(self.default_model()).take()
        now = self.now()
        asked = seated.schema.to_predict(body, day_of(seated.spec, now))
        parts = self._decided(seated, asked, now)
        told = [part.by.predictions(part.scores, part.asked.features) for part in parts]
        document = {"prediction": in_order(parts, told, len(asked))}
        return _answer(document, parts, seated, len(asked))

    def score(self, model: str, body: bytes) -> Answer:
        """Answer a request of ``/v1/models/{model}/score``; raises as :meth:`predict` does."""
        seated = self.seat(model).take()
        now = self.now()
        asked = seated.schema.to_score(body, day_of(seated.spec, now))
        parts = self._decided(seated, asked, now)
        rows = in_order(parts, [_rows(part) for part in parts], len(asked))
        document = {
            "model": seated.by.model,
            "version": seated.by.version,
            "epoch": seated.by.epoch,
            "cutoff": seated.by.cutoff,
            "rows": rows,
        }
        return _answer(document, parts, seated, len(asked))

    def _decided(self, seated: Seated, asked: Asked, now: datetime) -> list[Part]:
        """Score rows and hand the decisions over; what could not be logged is not scored."""
        shadow, experiment = None, None
        if (beside := self.beside.get(seated.by.model)) is not None:
            shadow, experiment = beside.of(seated)
        self.writer.promise(len(asked))
        try:
            if experiment is None or beside is None:
                parts = [part_of(seated, asked, None)]
            else:
                parts = by_arms(seated, asked, experiment, beside)
        except DataError as exc:
            self.writer.release(len(asked))
            raise Refused(422, "no-score", exc.what, remedy=exc.remedy) from None
        except BaseException:
            self.writer.release(len(asked))
            raise
        for part in parts:
            kept = self.writer.keep(part.to_log(now))
            if shadow is not None and self.shadows is not None:
                self.shadows.offer(shadow.seated, kept)
            for word, count in Counter(part.decisions).items():
                self.metrics.rows.labels(self.tenant, seated.by.model, word or NO_DECISION).inc(
                    count
                )
        return parts


def _answer(document: dict[str, Any], parts: list[Part], champion: Seated, rows: int) -> Answer:
    """Return what is sent; it says who answered, the champion first."""
    by = {part.by.by.version: part.by for part in parts}
    first = by.pop(champion.by.version, None)
    others = tuple(by.values())
    if first is None:
        return Answer(to_json(document), others[0], rows, others[1:])
    return Answer(to_json(document), first, rows, others)


def _rows(part: Part) -> list[dict[str, Any]]:
    asked, scores, decisions, reasons = part.asked, part.scores, part.decisions, part.reasons
    probable = part.by.gives_probability
    told: list[dict[str, Any]] = [
        {
            "id": key,
            "score": score,
            "probability": score if probable else None,
            "decision": decision,
        }
        for key, score, decision in zip(asked.ids, scores.tolist(), decisions, strict=True)
    ]
    if part.places is not None:  # an experiment runs: who decided is each row's own
        for row in told:
            row["version"] = part.by.by.version
    if asked.explain:
        for place, row in enumerate(told):
            row["reasons"] = None if reasons is None else [_told(r) for r in reasons[place]]
    return told


def _told(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "reason": reason.sentence,
        "contribution": reason.contribution,
    }
