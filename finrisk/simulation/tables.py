"""The self-test's report as tables a person reads, in Markdown so that the documentation is it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from finrisk.records import JsonObject

NAMES = {
    "logged_metric": "tonight's AUC > the AUC logged at promotion",
    "higher": "challenger > champion",
    "higher_by_0.005": "challenger > champion + 0.005",
    "nightly_delong": "DeLong at 5 % every night",
    "non_inferiority": "non-inferiority only (margin 0.005)",
    "shipped": "**the shipped gate**",
}
VARIANTS = {
    "": "independent rows, labels known at once",
    "clustered": "rows clustered by terminal, declared",
    "clustered_undeclared": "rows clustered by terminal, not declared",
    "delayed": "labels known at maturity",
    "clustered_delayed": "clustered, labels known at maturity",
    "learnt_late": "labels at maturity, and challengers learn only from before the hold-out",
}
NONE = "–"


def markdown(report: JsonObject) -> str:
    """Return every schedule's tables under one another."""
    return "\n\n".join(
        "\n\n".join(_schedule(name, schedule, report))
        for name, schedule in report["schedules"].items()
    )


def _schedule(name: str, schedule: JsonObject, report: JsonObject) -> list[str]:
    assumed = schedule["assumptions"]
    return [
        f"### {name}: {assumed['looks_per_year']} looks a year, z needed {assumed['z_needed']:.2f}",
        f"{report['years']} years of {report['nights']} nights a cell, seed {report['seed']}; "
        f"true AUC {assumed['true_auc']:.2f}, {assumed['bads']} bads and {assumed['goods']} goods "
        f"in a hold-out of {assumed['holdout_days']:.0f} days, correlation "
        f"{assumed['correlation']:.2f}, drift {assumed['drift_per_day']:g} of AUC a day, creep "
        f"{assumed['creep_step']:g}, maturity {assumed['maturity_days']:.0f} days.",
        _gates(schedule["gates"]),
        _variants(schedule),
        _sizes(schedule["size"]),
        _guards(schedule["guards"]),
    ]


def _gates(gates: JsonObject) -> str:
    headings = (
        "gate",
        "false promotions a year between equals (95 %)",
        "AUC after a year of slightly worse challengers",
        "promotions a year of clearly worse ones",
        "nights to react to drift",
        "power of one look",
    )
    return _table(headings, ((NAMES[name], *_worlds(found)) for name, found in gates.items()))


def _worlds(found: JsonObject) -> tuple[str, ...]:
    better = found["better"]
    return (
        _rate(found["equal"], "false_promotions_per_year"),
        f"{found['creep']['auc_change']:+.4f}",
        f"{found['worse']['promotions_per_year']:.2f}",
        _nights(found["drift"], "nights_to_react"),
        f"{better['power']:.2f} at +{better['gain']:.4f}",
    )


def _variants(schedule: JsonObject) -> str:
    headings = (
        "the shipped gate, with",
        "false promotions a year, counted",
        "the same from the size of one look",
        "creep",
        "nights to react",
    )
    rows = []
    for variant, name in VARIANTS.items():
        equal, creep, drift = (
            schedule[figure].get(variant) if variant else schedule[figure]
            for figure in ("equal", "creep", "drift")
        )
        rows.append(
            (
                name,
                _rate(equal, "false_promotions_per_year") if equal else NONE,
                _rate(equal, "expected", "expected_interval") if equal else NONE,
                f"{creep['auc_change']:+.4f}" if creep else NONE,
                _nights(drift, "nights_to_react") if drift else NONE,
            )
        )
    return _table(headings, rows)


def _sizes(size: JsonObject) -> str:
    headings = ("size of one look ÷ α", "α", "equals beyond ± z", "of looks", "ratio (95 %)")
    rows = [
        (
            VARIANTS["" if rows == "iid" else rows].split(",")[0]
            + (", not declared" if rows == "clustered_undeclared" else ""),
            f"{at['alpha']:.3g}",
            f"{at['beyond']}",
            f"{at['looks']:,}",
            f"{at['ratio']:.2f} ({at['interval'][0]:.2f} to {at['interval'][1]:.2f})",
        )
        for rows, found in size.items()
        for name, at in found["at"].items()
        if name != "own"
    ]
    return _table(headings, rows)


def _guards(guards: JsonObject) -> str:
    low, high = guards["interval"]
    sentence = (
        f"No guard blocks {guards['joint_pass']:.1%} ({low:.1%} to {high:.1%}) of "
        f"{guards['challengers']} challengers that are better by the minimum detectable "
        f"difference, {guards['gain']:.4f}"
    )
    blocks = ", ".join(f"{name} blocks {share:.1%}" for name, share in guards["blocked_by"].items())
    return f"{sentence}{f'; {blocks}' if blocks else ''}."


def _rate(found: JsonObject, name: str, interval: str = "interval") -> str:
    low, high = found[interval]
    return f"{found[name]:.2f} ({low:.2f} to {high:.2f})"


def _nights(found: JsonObject, name: str) -> str:
    median = "" if found[name] is None else f"{found[name]:.0f}"
    never = f"{found['never']:.0%} of years never" if found["never"] else ""
    return ", ".join(filter(None, (median, never)))


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
