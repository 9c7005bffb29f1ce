"""From what is on record to what a person hears at eight in the morning. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten

from finrisk.dashboard.kinds import KIND_WORDS
from finrisk.dashboard.look import signed
from finrisk.dashboard.overview.facts import Fate, MorningFacts, carried_out, fate_of
from finrisk.dashboard.overview.findings import Finding, Urgency, findings_of
from finrisk.gate.budget import interval
from finrisk.gate.figures import label
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.pipelines.trial import BAKER
from finrisk.records import Decision, NightDecision, NightStatus, PromotionKind, PromotionRecord
from finrisk.specs.policy import AIRFLOW
from finrisk.wording import counted

ALERT = "alert"
LONGEST_REASON = 75  # characters of an alert's reason; all of it is on the Monitoring page
WITHOUT_A_LOOK = {
    NightStatus.BLOCKED: "Blocked by its data",
    NightStatus.NOTHING_NEW: "Nothing new",
    NightStatus.TOO_LITTLE: "Too little to judge",
    NightStatus.DECIDED: "Decided before",
}


@dataclass(frozen=True, slots=True)
class Morning:
    """What to say about one model.

    Parameters
    ----------
    headline : str
        What the newest night did.
    when : str
        Of which day it was, and how long ago.
    why : tuple of str
        Why it was decided so, and who asked for it, a sentence each.
    findings : tuple of Finding
        What is wrong or waits, what needs a person first.
    """

    model: str
    title: str
    headline: str
    when: str
    why: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def urgency(self) -> Urgency | None:
        """The most urgent of the findings; None: all is well."""
        return self.findings[0].urgency if self.findings else None


def morning_of(facts: MorningFacts) -> Morning:
    """Say what there is to say about one model."""
    return Morning(
        model=facts.model,
        title=facts.title,
        headline=headline_of(facts),
        when=when_of(facts),
        why=why_of(facts),
        findings=findings_of(facts),
    )


def overall(mornings: Sequence[Morning]) -> str:
    """Return one sentence over all models.

    Examples
    --------
    >>> fine = Morning("fraud", "Card fraud", "", "", (), ())
    >>> alarm = Morning("loans", "Loans", "", "", (), (Finding(Urgency.ACT, "An alarm."),))
    >>> overall([fine, alarm])
    '1 of 2 models needs you: Loans.'
    >>> overall([fine])
    'All is well: nothing is wrong with 1 model, and nothing waits for a person.'
    """
    act = [morning.title for morning in mornings if morning.urgency is Urgency.ACT]
    know = [morning.title for morning in mornings if morning.urgency is Urgency.KNOW]
    all_of_them = counted(len(mornings), "model")
    if act:
        return f"{len(act)} of {all_of_them} {_needs(act)} you: {', '.join(act)}."
    if know:
        return f"Nothing needs you. There is something to know about {', '.join(know)}."
    return f"All is well: nothing is wrong with {all_of_them}, and nothing waits for a person."


def headline_of(facts: MorningFacts) -> str:
    """Return what the newest night did, and who became champion by anything else since it began."""
    night, link = facts.night, facts.changed
    if night is None:
        return "No night yet"
    if link is None:
        return _of_the_night(night.decision, facts, facts.stays)
    change = _change(link)
    if link.at > night.at:
        return f"{_of_the_night(night.decision, facts)}; since then {change}"
    return f"{change[0].upper()}{change[1:]}; {_of_the_night(night.decision, facts)}"


def _of_the_night(decision: NightDecision, facts: MorningFacts, stays: str = "") -> str:
    ending = f": {stays}" if stays else ""
    if decision.status in WITHOUT_A_LOOK:
        return f"{WITHOUT_A_LOOK[decision.status]}{ending}"
    if decision.decision is Decision.PROMOTE:
        return _promoted(decision, facts)
    said = "rejected" if decision.decision is Decision.REJECT else "held"
    return f"{_challenger(decision)} was {said}{'' if facts.sentence else ending}"


def _change(link: PromotionRecord) -> str:
    if link.kind is not PromotionKind.ROLLBACK:
        return f"v{link.version} became champion ({KIND_WORDS[link.kind]}; by {link.actor})"
    by = "by itself" if link.actor == BAKER else f"by {link.actor}"
    return f"rolled back {by}, from v{link.previous_version} to v{link.version}"


def when_of(facts: MorningFacts) -> str:
    """Return of which day the newest night is, and how long ago by the model's clock."""
    if facts.night is None:
        return ""
    as_of = facts.night.decision.as_of
    days = (facts.now.date() - as_of).days
    when = f"Last decided night, as of {as_of}: {counted(days, 'day')} ago"
    if days <= 0:
        when = f"Last night, as of {as_of}"
    return f"{when}{_between(facts.night.decision)}"


def why_of(facts: MorningFacts) -> tuple[str, ...]:
    """Return why the newest night was decided so, and who asked for it."""
    if facts.night is None:
        return ()
    decision = facts.night.decision
    reasons = "; ".join(decision.reasons) or "No reason was recorded"
    why = facts.sentence or f"{reasons[0].upper()}{reasons[1:].removesuffix('.')}."
    if facts.changed is not None and facts.changed.at > facts.night.at:
        why = f"The night said: {why}"  # whoever stays by it may have gone since
    asked = _asked_for(decision, facts.recent.reruns)
    return (why, *([asked] if asked else []))


def _promoted(decision: NightDecision, facts: MorningFacts) -> str:
    challenger, champion = _challenger(decision), decision.champion_version
    fate = fate_of(decision, facts)
    if fate is Fate.DONE:
        if champion is None:
            return f"{challenger} became the first champion"
        link = carried_out(decision, facts)
        by_person = link is not None and link.kind is PromotionKind.APPROVED
        by = f", approved by {link.actor}" if link is not None and by_person else ""
        return f"{challenger} was promoted over v{champion}{by}"
    earned = f"{challenger} earned its promotion"
    if fate is Fate.WAITS:
        for_a_person = facts.by_person and not facts.standing.frozen
        return f"{earned} and waits{' for a person' if for_a_person else ''}"
    if fate is Fate.TOO_LATE:
        return f"{earned} too late: the champion had changed"
    return f"{earned}, which is not carried out yet"


def _between(decision: NightDecision) -> str:
    """Return the interval of the headline's difference, at the z that the look needed."""
    found, needed = decision.comparison, decision.z_needed
    if found is None or needed is None:
        return ""
    low, high = interval(found.difference, found.standard_error, needed)
    return f"; Δ {label(found.metric)} between {signed(low)} and {signed(high)} at the z needed"


def _challenger(decision: NightDecision) -> str:
    number = decision.challenger and decision.challenger.version
    return "The challenger" if number is None else f"v{number}"


def _asked_for(decision: NightDecision, reruns: Sequence[Rerun]) -> str | None:
    """Say who or which alert asked for a night; None where the schedule did, or nobody knows."""
    if decision.actor in ("", AIRFLOW):
        return None
    if decision.actor != ALERT:
        return f"Asked for by {decision.actor}."
    asked = next((rerun for rerun in reruns if _started(rerun, decision)), None)
    if asked is None:
        return "Asked for by an alert."
    why = shorten(asked.reason, LONGEST_REASON, placeholder=" …")
    return f"Asked for by the alert {asked.alert}: {why}"


def _started(rerun: Rerun, decision: NightDecision) -> bool:
    if rerun.outcome is not Outcome.ACCEPTED:
        return False
    if decision.dag_run:
        return rerun.run_id == decision.dag_run
    return rerun.as_of == decision.as_of


def _needs(titles: Sequence[str]) -> str:
    return "needs" if len(titles) == 1 else "need"
