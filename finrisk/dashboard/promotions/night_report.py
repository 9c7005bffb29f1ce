"""The evidence of one night as a page of the dashboard: the sentence, the picture, every rule."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from finrisk.dashboard.kept_pages import shut_in
from finrisk.dashboard.look import DECISIONS, OUTCOMES, plain_text
from finrisk.dashboard.promotions.charts import differences, shown_differences
from finrisk.dashboard.promotions.nights import Explained, report_page
from finrisk.dashboard.sources import Whose
from finrisk.dashboard.tables import table
from finrisk.evaluation.evidence_details import Section
from finrisk.evaluation.evidence_rows import result_word
from finrisk.evaluation.evidence_sections import NOT_REACHED
from finrisk.evaluation.evidence_sentence import stages
from finrisk.evidence import Outcome, RuleResult
from finrisk.pipelines.missed import missed_sentence
from finrisk.records import Decision, NightDecision
from finrisk.wording import counted

INLINE_HEIGHT = 900


def draw_night(whose: Whose, found: Explained) -> None:
    """Draw a night and what it was decided on."""
    _decision(found)
    if found.note:
        st.caption(plain_text(found.note))
    if found.evidence is None:
        st.info("The night did not come to the gate, so there is no evidence.")
        return
    _report(whose, found.decision)
    shown = shown_differences(found.evidence)
    if shown:
        st.markdown("##### What the challenger would change")
        st.altair_chart(
            differences(shown),
            alt=f"Differences with bounds: {'; '.join(f'{d.name} {d.text}' for d in shown)}",
            width="stretch",
        )
        st.caption(
            "A mark is the difference, a line its bounds. The headline's are those of the test, at "
            "the z needed; a guard's are one-sided, at the policy's confidence each."
        )
    parts = stages(found.evidence.verdict)
    _rules("The test", parts.test, is_test=True)
    _rules("Guards", parts.guards)
    _rules("Preconditions", parts.preconditions)
    with st.expander("All figures, budget and digests of this night"):
        for number, section in enumerate(found.sections):
            _section(section, found.decision, number)


def _decision(found: Explained) -> None:
    """Tell what was decided; the gate's word first, what came of it afterwards below."""
    decision, evidence = found.decision, found.evidence
    icon, colour = DECISIONS[decision.decision]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(decision.decision.value, icon=icon, color=colour)
        st.markdown(f"**Night as of {decision.as_of}**")
    told = evidence.verdict.reasons if evidence is not None and found.sentence else ()
    if found.sentence:
        anew = evidence is not None and evidence.verdict.decision is not decision.decision
        st.markdown(f"{'The gate said: ' if anew else ''}**{plain_text(found.sentence)}**")
    for reason in decision.reasons:
        if reason not in told:
            st.markdown(f"- {plain_text(reason)}")
    if decision.missed:
        st.markdown(f"- {plain_text(missed_sentence(decision.missed))}")


def _report(whose: Whose, decision: NightDecision) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Save the report of this night (HTML, prints on A4)",
            data=lambda: report_page(whose, decision.as_of),
            file_name=f"{whose.model} {decision.as_of}.html",
            mime="text/html",
            key="promotions report",
            on_click="ignore",
            icon=":material/print:",
        )
        here = st.toggle("Show the report here", key="promotions report here")
    if here:
        st.iframe(
            shut_in(
                report_page(whose, decision.as_of).decode(errors="replace"),
                title="report of the night",
            ),
            height=INLINE_HEIGHT,
            alt=f"The report of the night as of {decision.as_of}",
        )


def _rules(heading: str, rules: Sequence[RuleResult], *, is_test: bool = False) -> None:
    """Tell every rule with its outcome: those that do not pass, and the others where opened."""
    if not rules:
        return
    passed = [rule for rule in rules if rule.outcome is Outcome.PASS]
    st.markdown(f"##### {heading}: {len(passed)} of {len(rules)} pass")
    others = [rule for rule in rules if rule not in passed]
    for rule in rules if is_test else others:
        st.markdown(_line(rule, is_test=is_test))
    if passed and not is_test:
        with st.expander(f"{counted(len(passed), 'rule')} that pass{'es' * (len(passed) == 1)}"):
            for rule in passed:
                st.markdown(_line(rule))


def _line(rule: RuleResult, *, is_test: bool = False) -> str:
    (icon, colour), word = OUTCOMES[rule.outcome], result_word(rule)
    if is_test and rule.outcome is Outcome.FAIL:  # not to be better is no fault
        (icon, colour), word = DECISIONS[Decision.HOLD], NOT_REACHED
    needed = f" (needed: {plain_text(rule.limit)})" if rule.limit else ""
    return f"- :{colour}[{icon} **{word}**] {plain_text(rule.figure)}{needed}"


def _section(section: Section, decision: NightDecision, number: int) -> None:
    st.markdown(f"**{plain_text(section.heading)}**")
    if section.note:
        st.caption(plain_text(section.note))
    if section.terms:
        st.markdown(
            "\n".join(f"- {plain_text(term)}: {plain_text(text)}" for term, text in section.terms)
        )
    if section.rows:
        table(
            [dict(zip(section.columns, row, strict=True)) for row in section.rows],
            name=f"{section.heading.partition(':')[0]} {decision.as_of}",
            about=f"{section.heading} of the night as of {decision.as_of}",
            key=f"promotions section {number}",
        )
