"""The report as a person gets it: the same in Markdown and as a page, and safe to open."""

from __future__ import annotations

import re
from base64 import b64encode
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.evaluation.evidence_report import evidence_markdown, evidence_page
from finrisk.evidence import Evidence, Fairness, GroupApproval, Outcome, RuleResult
from finrisk.gate.decision import decide
from tests.evaluation.factories import (
    POLICY,
    compared,
    evidence,
    facts,
    first_champion,
    guard_facts,
    without_look,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
KINDS = {
    "promote": evidence(),
    "hold": evidence(facts(comparison=compared(0.0012, 0.33))),
    "no look": evidence(without_look(rows_in_both=3)),
    "look refused": evidence(without_look(look_refused="error budget gone")),
    "first": evidence(first_champion()),
    "not verified": evidence(without_look(challenger_verified=False)),
    "unmeasured": evidence(facts(guards=None)),
}
SCRIPT = "<script>alert(1)</script>|**x**"


class Seen(HTMLParser):
    """Collects tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def markdown(found: Evidence) -> str:
    return evidence_markdown(found, POLICY, title="Retail", challenger="v7 xgb", champion="v5")


def page(found: Evidence, pictures: dict[str, bytes] | None = None) -> str:
    return evidence_page(
        found, POLICY, title="Retail", challenger="v7 xgb", champion="v5", pictures=pictures
    )


def group_named(name: str) -> Evidence:
    group = GroupApproval(name, "m", 0.97, 0.98, 0.03)
    return evidence(facts(guards=guard_facts(fairness={"sex": Fairness(group, group, (name,))})))


def test_the_decision_is_the_first_thing_said() -> None:
    lines = [line for line in markdown(evidence()).splitlines() if line]

    assert lines[0] == "# Evidence: Retail, night as of 2026-02-01"
    assert lines[2] == (
        "**PROMOTE.** v7 xgb replaces v5: AUC +0.0312 (z 4.10, 2.72 needed), and no guard objects."
    )


@pytest.mark.parametrize("found", KINDS.values(), ids=KINDS)
def test_every_rule_is_in_both_forms_with_its_limit(found: Evidence) -> None:
    plain = markdown(found).replace("\\", "")
    shown = unescape(Seen(page(found)).text)

    for rule in found.verdict.rules:
        assert rule.limit in plain, rule
        assert rule.limit in shown, rule
    words = re.findall(r'class="word \w+">', page(found))
    assert len(words) >= len(found.verdict.rules)  # and one for the decision


@pytest.mark.parametrize("found", KINDS.values(), ids=KINDS)
def test_a_new_rule_appears_by_itself(found: Evidence) -> None:
    new = RuleResult("moonlight", Outcome.UNKNOWN, "moonlight is not known", "below 0.2 moons")
    grown = found.replace(verdict=found.verdict.replace(rules=(*found.verdict.rules, new)))

    for text in (markdown(grown), page(grown)):
        assert "moonlight is not known" in text
        assert "below 0.2 moons" in text


def test_a_page_runs_nothing_and_loads_nothing() -> None:
    seen = Seen(page(evidence(), {"paired_roc": PNG}))

    assert "script" not in seen.tags
    assert not {"link", "iframe", "object", "form"} & set(seen.tags)
    addresses = [value for name, value in seen.attributes if name in {"src", "href"}]
    assert addresses == [f"data:image/png;base64,{b64encode(PNG).decode()}"]
    policy = dict(seen.attributes)["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not [name for name, _ in seen.attributes if name.startswith("on")]


def test_pictures_are_shown_in_their_order_with_a_text_for_who_cannot_see_them() -> None:
    seen = Seen(page(evidence(), {"resampled_differences": PNG, "a_new_one": PNG}))

    first, second = (value for name, value in seen.attributes if name == "alt")
    assert first.startswith("differences on resampled rows")
    assert second == "a new one"


def test_what_came_with_the_data_is_shown_as_text() -> None:
    found = group_named(SCRIPT)

    assert "<script" not in page(found)
    assert SCRIPT in unescape(Seen(page(found)).text)
    plain = markdown(found)
    assert "\\<script>" in plain
    rows = [line for line in plain.splitlines() if line.startswith("| sex")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_name_breaks_a_line_a_table_or_a_page(name: str) -> None:
    found = group_named(name)

    plain, seen = markdown(found), Seen(page(found))

    assert plain.count("\n## ") == markdown(group_named("f")).count("\n## ")
    assert all(c.isprintable() or c == "\n" for c in plain)
    assert sorted(seen.tags) == sorted(Seen(page(group_named("f"))).tags)


def test_the_result_is_a_word_and_never_a_colour_alone() -> None:
    shown = page(evidence(facts(guards=guard_facts(score_psi=(0.02, 0.4)))))

    assert re.search(r'<span class="word block">block</span>', shown)
    assert re.search(r'<strong class="word warn">HOLD</strong>', shown)


def test_preconditions_are_folded_on_the_page_and_a_list_in_markdown() -> None:
    found = Seen(page(evidence()))

    assert "details" in found.tags
    assert ("open", "") not in found.attributes
    assert "- pass: 900 bads in the hold-out (needed: at least 200)" in markdown(evidence())


def test_it_reads_by_day_by_night_and_on_paper() -> None:
    shown = page(evidence())

    for rule in ("prefers-color-scheme: dark", "@page { size: A4", "@media print"):
        assert rule in shown


def test_the_digest_is_the_ledgers_where_it_is_told() -> None:
    found = evidence_markdown(evidence(), POLICY, title="Retail", sha256="e" * 64)

    assert f"- Evidence: {'e' * 64}" in found
    assert "v7 replaces v5" in found  # names come from the versions if nobody gives them


def test_the_same_evidence_gives_the_same_report() -> None:
    again = evidence(facts())

    assert decide(again.facts, POLICY) == again.verdict
    assert page(again) == page(evidence())
    assert Evidence.from_json(again.to_json()) == again
