"""Nights as a table: for the terminal, and as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from finrisk.gate.figures import label
from finrisk.pipelines.missed import missed_sentence
from finrisk.records import Decision, NightDecision

STYLES = {Decision.PROMOTE: "bold green", Decision.HOLD: "yellow", Decision.REJECT: "bold red"}


def headings(nights: Sequence[NightDecision]) -> tuple[str, ...]:
    """Return what stands above the cells; one model's nights have one headline metric."""
    return (
        "as of",
        "data",
        "champion",
        "challenger",
        f"Δ {_headline(nights)}",
        "z",
        "z needed",
        "decision",
        "reason",
    )


def cells(night: NightDecision) -> tuple[str, ...]:
    """Return one night as text, in the order of ``headings``; a dash is a figure that is not."""
    comparison = night.comparison
    challenger = night.challenger
    return (
        night.as_of.isoformat(),
        night.data_result,
        f"v{night.champion_version}" if night.champion_version is not None else "–",
        f"v{challenger.version} {night.candidate}" if challenger else "–",
        f"{comparison.difference:+.4f}" if comparison else "–",
        f"{comparison.z:.2f}" if comparison and comparison.z is not None else "–",
        f"{night.z_needed:.2f}" if night.z_needed is not None else "–",
        night.decision.value,
        "; ".join((*night.reasons, *([missed_sentence(night.missed)] if night.missed else []))),
    )


def night_table(nights: Iterable[NightDecision], title: str) -> Table:
    """Return the nights as a table for the terminal, oldest first."""
    nights = list(nights)
    table = Table(title=title, title_justify="left", show_lines=False)
    for heading in headings(nights):
        right = heading.startswith(("Δ", "z"))
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for night in nights:
        *figures, decision, reason = cells(night)
        table.add_row(*figures, Text(decision, style=STYLES[night.decision]), Text(reason))
    return table


def night_markdown(nights: Iterable[NightDecision]) -> str:
    """Return the nights as a Markdown table with both models' headline metric, oldest first."""
    nights = list(nights)
    above, headline = headings(nights), _headline(nights)
    above = (*above[:4], f"champion {headline}", f"challenger {headline}", *above[4:])
    rows = [above, tuple("---" for _ in above)]
    for night in nights:
        shown, compared = cells(night), night.comparison
        figures = (compared.champion, compared.challenger) if compared else None
        aucs = tuple(f"{auc:.4f}" for auc in figures) if figures else ("–", "–")
        rows.append((*shown[:4], *aucs, *shown[4:]))
    return "\n".join("| " + " | ".join(c.replace("|", "/") for c in row) + " |" for row in rows)


def _headline(nights: Sequence[NightDecision]) -> str:
    return next((label(night.comparison.metric) for night in nights if night.comparison), "AUC")
