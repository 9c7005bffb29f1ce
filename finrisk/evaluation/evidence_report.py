"""The evidence of one look for a person with one minute: as Markdown, and as a page by itself.

Both say the same, and every rule of the verdict is in them. Text that came with the data, such as a
group's name, is shown as text and does nothing.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined

from finrisk.evaluation.evidence_details import Section
from finrisk.evaluation.evidence_rows import HARM, WORDS
from finrisk.evaluation.evidence_sections import NOT_REACHED, evidence_sections
from finrisk.evaluation.evidence_sentence import decision_sentence
from finrisk.evaluation.evidence_template import PAGE
from finrisk.evidence import Evidence, Outcome
from finrisk.records import Decision
from finrisk.specs.policy import GatePolicy

LOOKS_LIKE_HTML = re.compile(r"<(?=[A-Za-z/!?])")
MARKUP = re.compile(r"([\\*\[\]|])")
SHADES = {Decision.PROMOTE: "pass", Decision.HOLD: "warn", Decision.REJECT: "block"}
SHADES_OF_WORDS = {
    WORDS[Outcome.PASS]: "pass",
    WORDS[Outcome.WARN]: "warn",
    WORDS[Outcome.UNKNOWN]: "warn",
    WORDS[Outcome.FAIL]: "block",
    NOT_REACHED: "warn",
    HARM: "block",
}
CAPTIONS = {
    "champion_and_challenger_roc": "ROC of both models: the curve further up and left ranks better",
    "champion_and_challenger_scores": "both models' score of each row: one that ranks better moves "
    "bads up against goods",
    "champion_and_challenger_calibration": "calibration of both models: points on the line are "
    "right",
    "resampled_differences": "differences on resampled rows: how often chance alone would have "
    "made the challenger the worse one",
    "champion_v_challenger": "who changes side at the cut-off",
    "alerts_per_day": "what each model finds in a day's alerts: the fuller a bar, the better",
    "champion_and_challenger_precision_recall": "precision and recall of both models: the curve "
    "further up and right is better",
}
LAST = 1  # the digests, which come after the pictures


@dataclass(frozen=True, slots=True)
class _Report:
    heading: str
    about: str
    decision: str
    shade: str
    sentence: str
    sections: tuple[Section, ...]


def evidence_markdown(
    evidence: Evidence,
    policy: GatePolicy,
    *,
    title: str,
    challenger: str = "",
    champion: str = "",
    scope: str = "live",
    sha256: str = "",
) -> str:
    """Return the report as Markdown: the decision in one sentence, then what it rests on.

    Parameters
    ----------
    evidence : Evidence
        Of one night, with a look or without.
    policy : GatePolicy
        The one it was judged under.
    title : str
        The model's title.
    challenger, champion : str
        What to call them, such as ``v7 xgboost``; their versions if not given.
    scope : str
        Whose night it was.
    sha256 : str
        Under which the ledger keeps the evidence. Computed if not given, which is another one
        where the evidence was written before the record grew a field.
    """
    report = _report(evidence, policy, title, challenger, champion, scope, sha256)
    lines = [
        f"# {_plain(report.heading)}",
        "",
        _plain(report.about),
        "",
        f"**{report.decision}.** {_plain(report.sentence)}",
    ]
    for section in report.sections:
        lines += ["", f"## {_plain(section.heading)}", "", *_section(section)]
    return "\n".join(lines).rstrip() + "\n"


def evidence_page(
    evidence: Evidence,
    policy: GatePolicy,
    *,
    title: str,
    challenger: str = "",
    champion: str = "",
    scope: str = "live",
    sha256: str = "",
    pictures: Mapping[str, bytes] | None = None,
) -> str:
    """Return the report as one HTML page that loads nothing and runs nothing.

    Parameters
    ----------
    evidence, policy, title, challenger, champion, scope, sha256
        As in :func:`evidence_markdown`.
    pictures : mapping of str to bytes, optional
        PNG images by name, in the order they are shown; they become part of the page.
    """
    report = _report(evidence, policy, title, challenger, champion, scope, sha256)
    return _PAGES.from_string(PAGE).render(
        report=report,
        sections=report.sections[:-LAST],
        last=report.sections[-LAST:],
        shade_of=SHADES_OF_WORDS,
        pictures=[
            {
                "caption": CAPTIONS.get(name, name.replace("_", " ")),
                "data": b64encode(png).decode("ascii"),
            }
            for name, png in (pictures or {}).items()
        ],
    )


def _report(
    evidence: Evidence,
    policy: GatePolicy,
    title: str,
    challenger: str,
    champion: str,
    scope: str,
    sha256: str,
) -> _Report:
    version, look = evidence.challenger, evidence.look
    versions = (version.version if version else None, look.champion_version if look else None)
    mine = challenger or ("the challenger" if versions[0] is None else f"v{versions[0]}")
    theirs = champion or ("the champion" if versions[1] is None else f"v{versions[1]}")
    facts, decision = evidence.facts, evidence.verdict.decision
    return _Report(
        heading=f"Evidence: {title}, night as of {facts.as_of}",
        about=f"Model {facts.model}, scope {scope}.",
        decision=decision.value,
        shade=SHADES[decision],
        sentence=decision_sentence(evidence, policy, challenger=mine, champion=theirs),
        sections=evidence_sections(
            evidence,
            policy,
            challenger=mine,
            champion=theirs,
            sha256=sha256 or hashlib.sha256(evidence.canonical()).hexdigest(),
        ),
    )


def _section(section: Section) -> Iterator[str]:
    if section.note:
        yield _plain(section.note)
    if section.note and section.terms:
        yield ""
    yield from (f"- {_plain(term)}: {_plain(text)}" for term, text in section.terms)
    if not section.rows:
        return
    if section.note or section.terms:
        yield ""
    if section.judged and section.folded:
        for what, needed, result in section.rows:
            yield f"- {_plain(result)}: {_plain(what)} (needed: {_plain(needed)})"
        return
    for row in (section.columns, ("---",) * len(section.columns), *section.rows):
        yield f"| {' | '.join(_plain(cell) for cell in row)} |"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line; a code span stays one."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return LOOKS_LIKE_HTML.sub(r"\\<", MARKUP.sub(r"\\\1", line))


def _pages() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)


_PAGES = _pages()
