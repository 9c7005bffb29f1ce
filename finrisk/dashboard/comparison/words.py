"""What is said of two versions beside their pictures: facts in, sentences out."""

from __future__ import annotations

from finrisk.dashboard import look
from finrisk.dashboard.comparison.queries import GatesView
from finrisk.errors import FinRiskError
from finrisk.evaluation.measuring import Z_95
from finrisk.evaluation.same_rows import Direction, Measured, MetricPair, SameRows
from finrisk.evaluation.swap_set import Part, SwapSet
from finrisk.gate.figures import label

NAMES = {
    "brier": "Brier score",
    "ece": "Calibration error (ECE)",
    "calibration_offset": "Calibration offset (logits)",
    "calibration_slope": "Calibration slope",
    "psi": "PSI, score against its reference",
}
BRIER = "brier"
AT_DECISIONS = frozenset({"precision", "recall", "f1_score", "accuracy"})
FEW_DIGITS, DIGITS, RARE_DIGITS, RARE = 2, 4, 6, 0.01
LONGEST_DETAILS = 300
NOT_BEYOND_CHANCE = "neither"


def metric_name(name: str, shown: SameRows) -> str:
    """Return a metric as people write it, with the decision it is taken at."""
    said = named(name)
    if name not in AT_DECISIONS:
        return said
    if shown.alerts_per_day is not None:
        return f"{said} of {shown.alerts_per_day} alerts a day"
    return said if shown.cutoff is None else f"{said} at cut-off {shown.cutoff:g}"


def better(pair: MetricPair, names: tuple[str, str]) -> str:
    """Say which version is the better one, if the interval of the difference leaves no doubt.

    Examples
    --------
    >>> pair = MetricPair("brier", Direction.LOWER, Measured(0.2), Measured(0.1),
    ...     Measured(-0.1, -0.12, -0.08), "")
    >>> better(pair, ("v1", "v4"))
    'v4'
    """
    of = pair.difference
    if of is None or of.low is None or of.high is None:
        return look.UNKNOWN
    if of.low <= 0.0 <= of.high:
        return NOT_BEYOND_CHANCE
    higher = of.low > 0.0
    return names[1] if higher == (pair.direction is Direction.HIGHER) else names[0]


def headline_sentence(shown: SameRows, names: tuple[str, str], z_needed: float | None) -> str:
    """Say in one sentence which version ranks better on these rows, and how sure that is.

    Parameters
    ----------
    z_needed : float or None
        What the gate asked for when it compared these two; None: it never did.
    """
    pair = shown.metrics[0]
    metric = metric_name(pair.name, shown)
    who = better(pair, names)
    verdict = f"{who} ranks better" if who in names else "neither ranks better beyond chance"
    asked = "more" if z_needed is None else f"z {z_needed:.2f}"
    return (
        f"{metric}, on these rows and at 95 %: {verdict}. {names[0]} has "
        f"{value_of(pair.a, DIGITS)}, {names[1]} has {value_of(pair.b, DIGITS)}. "
        f"95 % is z {Z_95:.2f}; the gate asks for {asked}, because it looks again and again."
    )


def rows_sentence(shown: SameRows) -> str:
    """Say which rows these are, and why they may be shown."""
    held = shown.frozen.window
    return (
        f"Rows: the hold-out of the night of {shown.frozen.night}, {held.first_day} to "
        f"{held.last_day}, {shown.rows:,} rows with {shown.bads:,} bads. That night has judged it, "
        "so its labels have met scores before; both versions were fitted on older rows, with the "
        "embargo between."
    )


def intervals_sentence(shown: SameRows) -> str:
    """Say what the intervals are, and how not to read them."""
    together = (
        ""
        if shown.variance_by == "rows"
        else f", rows of one {shown.variance_by} taken together, for they share their luck"
    )
    return (
        f"Intervals hold 95 times in 100: ± {Z_95:.2f} standard errors. Those are DeLong's for AUC "
        "and Gini, of the mean for the Brier score, else of resamples, "
        f"{shown.replicates} for a difference{together}. With so many metrics one may look better "
        "by chance: the gate tests one of them, and pays for it."
    )


def calibration_sentence(shown: SameRows, names: tuple[str, str]) -> str:
    """Say how to read the calibration, and of which version there is none.

    A detector's score says who is stranger, not how likely a bad is.
    """
    none = [name for name, given in zip(names, shown.probabilities, strict=True) if not given]
    left_out = (
        f"{' and '.join(none)}: not shown, for a detector's score is no probability of bad."
        if none
        else ""
    )
    if len(none) == len(names):
        return left_out
    return f"Above the dotted line: riskier than predicted. {left_out}".strip()


def swaps_sentence(shown: SameRows, names: tuple[str, str]) -> str:
    """Say whom the two versions decide otherwise, by cut-off and by alert budget."""
    said = []
    if shown.at_cutoff is not None and shown.cutoff is not None:
        by = f"At the cut-off {shown.cutoff:g} (dashed)"
        said.append(swapped_sentence(shown.at_cutoff, names, by, ("declined", "approved")))
    if shown.at_budget is not None:
        by = f"With {shown.alerts_per_day} alerts a day"
        said.append(swapped_sentence(shown.at_budget, names, by, ("alerted", "let through")))
    if not all(shown.probabilities):
        said.append("Each axis has its own scale: a detector's score is no probability.")
    return " ".join(said)


def swapped_sentence(swap: SwapSet, names: tuple[str, str], by: str, done: tuple[str, str]) -> str:
    """Say how many rows change side, and how those turned out.

    Parameters
    ----------
    by : str
        What decides, as "At the cut-off 0.3".
    done : pair of str
        What is done to a row that is flagged, and to one that is not.
    """
    newly, no_more = swap.would_be_declined, swap.would_be_let_through
    return (
        f"{by}, {look.share(newly.share + no_more.share, 2)} of the rows change side from "
        f"{names[0]} to {names[1]}: newly {done[0]} {_part(newly)}, newly {done[1]} "
        f"{_part(no_more)}."
    )


def differences_sentence(shown: SameRows, names: tuple[str, str]) -> str:
    """Say where the scores moved on average; why there is no picture, where there is none."""
    of = shown.differences
    if of is None:
        return "Not shown: the two scores are not on one scale."
    return (
        f"On average {names[1]} scores bads {look.signed(of.mean_of_bads)} and goods "
        f"{look.signed(of.mean_of_goods)} from {names[0]}. The better ranking moves bads up "
        "against goods; both moving together is calibration."
    )


def _part(part: Part) -> str:
    if not part.rows:
        return "none"
    rate = "" if part.bad_rate is None else f", {look.share(part.bad_rate)} of them bad"
    return f"{part.rows:,} ({look.share(part.share)}{rate})"


def gate_sentence(view: GatesView) -> str:
    """Say what the night compared and what it decided."""
    held = view.holdout
    rows = (
        f" on {held.rows:,} rows of {held.first_day} to {held.last_day} with {held.bads:,} bads"
        if held is not None
        else ""
    )
    return (
        f"On the night of {view.night} the gate compared exactly these two{rows}: "
        f"v{view.challenger} as challenger, v{view.champion} as champion. "
        "The figures here are the gate's own, and the ones that decided."
    )


def told(error: FinRiskError) -> str:
    """Return an error as a sentence and what to do about it.

    Examples
    --------
    >>> told(FinRiskError("no partition", expected="a file", remedy="deliver it"))
    'No partition (expected a file). What would help: deliver it.'
    """
    starts_with_version = error.what[:1] == "v" and error.what[1:2].isdigit()
    said = error.what if starts_with_version else error.what[:1].upper() + error.what[1:]
    details = str(error).removeprefix(error.what).removesuffix(f"; remedy: {error.remedy}")
    details = details.strip("; ")
    return " ".join(
        part
        for part in (
            f"{said}{f' ({details})' if details and len(details) < LONGEST_DETAILS else ''}.",
            f"What would help: {error.remedy}." if error.remedy else "",
        )
        if part
    )


def named(metric: str) -> str:
    """Return a metric as people write it."""
    said = NAMES.get(metric, label(metric))
    return said[0].upper() + said[1:]


def digits_of(pair: MetricPair) -> int:
    """Return how many decimals a metric is told with: a rare bad's Brier score needs more."""
    if pair.name.startswith("lift_"):
        return FEW_DIGITS
    if pair.name == BRIER and pair.a is not None and pair.a.value < RARE:
        return RARE_DIGITS
    return DIGITS


def value_of(of: Measured | None, digits: int) -> str:
    """Return a figure without its interval; what is not there is a dash."""
    return look.UNKNOWN if of is None else plain_figure(of.value, digits)


def plain_figure(value: float, digits: int) -> str:
    """Return a figure with a minus as it is printed."""
    return look.figure(value, digits).replace("-", "−")
