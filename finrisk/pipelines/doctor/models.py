"""Checks of one model: its nights, its champion, and what MLflow still has of its versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from finrisk.errors import IntegrityError
from finrisk.ledger.lineage import previous
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.store import Ledger
from finrisk.pipelines.doctor.findings import Finding, fail, guarded, ok, warn
from finrisk.pipelines.missed import missed_nights, missed_sentence, way_out
from finrisk.promotion.aliases import PREVIOUS, PRODUCTION
from finrisk.records import Champion, ModelVersion, NightStatus, PromotionRecord
from finrisk.specs.model_spec import Schedule
from finrisk.tracking.manifest import Manifest, library_versions
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.wording import counted

NOT_CHECKED = "MLflow does not answer: versions, artifact and aliases are not checked"


class RegisteredModels(Protocol):
    """What MLflow is asked about a model's versions."""

    def there(self) -> Mapping[int, str]:
        """Return the MLflow run behind each version there is, by number."""
        ...

    def has_run(self, run_id: str) -> bool:
        """Say whether MLflow knows the run."""
        ...

    def open(self, version: ModelVersion) -> tuple[ScoringModel, Manifest]:
        """Return the verified model, which reproduced its golden scores, and its manifest."""
        ...

    def shown(self, alias: str) -> int | None:
        """Return the version the alias points at."""
        ...


@dataclass(frozen=True)
class Chart:
    """What the ledger has of one model."""

    model: str
    champion: Champion | None
    known: Sequence[ModelVersion]
    history: Sequence[PromotionRecord]
    last: StoredNight | None
    last_ready: StoredNight | None
    copied: bool = False  # whether the champion's copy on this machine verifies

    @classmethod
    def of(cls, model: str, ledger: Ledger) -> Chart:
        """Read it."""
        last = ready = ledger.last_night(model)
        while ready is not None and ready.decision.status is not NightStatus.READY:
            ready = ledger.last_night(model, before=ready.decision.as_of)
        return cls(
            model=model,
            champion=ledger.champion(model),
            known=ledger.versions(model),
            history=ledger.history(model),
            last=last,
            last_ready=ready,
        )

    @property
    def needed(self) -> ModelVersion | None:
        """The version that serves, or the newest one where none does."""
        if self.champion is None:
            return self.known[-1] if self.known else None
        return next(v for v in self.known if v.version == self.champion.version)


def model_findings(
    chart: Chart,
    schedule: Schedule | None,
    now: datetime,
    models: RegisteredModels | None,
    *,
    made: bool,
) -> Iterator[Finding]:
    """Check one model against its ledger and, as far as MLflow answers, against MLflow.

    Parameters
    ----------
    chart : Chart
        What the ledger has of it.
    schedule : Schedule or None
        When its nights are due; ``None`` where no spec declares any.
    models : RegisteredModels or None
        What MLflow is asked; ``None`` where it does not answer.
    made : bool
        Whether MLflow has a database at all: one that was deleted knows nothing.
    """
    yield champion_finding(chart)
    if chart.champion is not None:
        yield copy_finding(chart)
    if schedule is not None:
        yield night_finding(chart, schedule, now)
    if models is None:
        yield warn(f"{chart.model}: MLflow", NOT_CHECKED, "first let MLflow answer")
    elif not made:
        yield versions_finding(chart, {}, lambda _: False)
    else:
        yield from _in_mlflow(chart, models)


def _in_mlflow(chart: Chart, models: RegisteredModels) -> Iterator[Finding]:
    looks: dict[str, Callable[[], Iterable[Finding]]] = {
        "versions": lambda: [versions_finding(chart, models.there(), models.has_run)],
        "artifact": lambda: artifact_findings(chart, models),
        "aliases": lambda: alias_findings(chart, models),
    }
    for name, look in looks.items():
        yield from guarded(f"{chart.model}: {name}", look)


def night_finding(chart: Chart, schedule: Schedule, now: datetime) -> Finding:
    """Say which night was recorded last, how long ago, and whether any is missing since."""
    check = f"{chart.model}: last night"
    if chart.last is None:
        remedy = f"`finrisk retrain {chart.model} --as-of DATE` runs one"
        return warn(check, "no night is on record", remedy)
    night = chart.last.decision
    found = f"as of {night.as_of}, {night.decision}, recorded {_ago(now, chart.last.at)}"
    if missed := missed_nights(schedule, night.as_of, now):
        remedy = way_out(chart.model, missed[-1])
        return warn(check, f"{found}; {missed_sentence(missed)}", remedy)
    return ok(check, found)


def _ago(now: datetime, then: datetime) -> str:
    past = now - then
    hours = max(past // timedelta(hours=1), 0)
    return f"{hours} h ago" if past < timedelta(days=2) else f"{past.days} days ago"


def champion_finding(chart: Chart) -> Finding:
    """Say which version serves."""
    check, champion = f"{chart.model}: champion", chart.champion
    if champion is None:
        return warn(check, "none yet: nothing serves", "the first good night makes one")
    return ok(check, f"version {champion.version} at epoch {champion.epoch}")


def copy_finding(chart: Chart) -> Finding:
    """Say whether the champion would outlive MLflow on this machine."""
    check = f"{chart.model}: copy"
    if chart.copied:
        return ok(check, "the champion's artifact is kept here, and verifies")
    remedy = f"`finrisk reconcile {chart.model}` keeps one, while MLflow's artifact verifies"
    return warn(check, "no copy of the champion's artifact verifies here", remedy)


def versions_finding(
    chart: Chart, there: Mapping[int, str], has_run: Callable[[str], bool]
) -> Finding:
    """Compare the versions the ledger knows with those of MLflow.

    Where MLflow has neither the version that is needed nor its run, its database was reset; where
    it has the run, somebody deleted the version. Others that never served may be gone.

    Parameters
    ----------
    there : mapping of int to str
        MLflow's versions, each with its run.
    has_run : callable
        Whether MLflow knows a run.
    """
    check, needed = f"{chart.model}: versions", chart.needed
    if needed is None:
        return ok(check, "none is registered yet")
    lost = [version for version in chart.known if there.get(version.version) != version.run_id]
    if needed in lost:
        reset = not has_run(needed.run_id)
        found = _reset(chart, lost) if reset else f"version {needed.version} was deleted in MLflow"
        return fail(check, found, _way_out(chart, lost), IntegrityError.exit_status)
    served = {link.version for link in chart.history}
    if former := [version.version for version in lost if version.version in served]:
        found = f"former champions are not in MLflow any more: {_numbers(former)}"
        remedy = "nothing for the nights; a rollback to one goes by its copy, if it is kept here"
        return warn(check, found, remedy)
    return ok(check, f"{len(chart.known) - len(lost)} of {len(chart.known)} known are in MLflow")


def _reset(chart: Chart, lost: Sequence[ModelVersion]) -> str:
    numbers = _numbers([version.version for version in lost])
    champion = (
        "its copy serves, and challengers are compared with it"
        if chart.copied
        else "no challenger can be compared with it"
    )
    return (
        f"MLflow's database was reset: it knows neither {numbers} nor the MLflow runs behind. "
        "Safe: the ledger (champions, promotions, looks, evidence, nights) and the snapshots. "
        f"Lost: MLflow's runs and versions. The champion stays champion, and {champion}"
    )


def _way_out(chart: Chart, lost: Sequence[ModelVersion]) -> str:
    model, highest = chart.model, chart.known[-1].version
    if chart.copied:
        return f"`finrisk reconcile {model}` registers it again from its copy; so does a night"
    kept = [version.version for version in chart.known if version not in lost]
    promote = f"`finrisk promote {model} {kept[-1] if kept else 'VERSION'} --force --reason TEXT`"
    if kept:
        return f"{promote}; or restore MLflow's database and artifacts from their backup"
    as_of = chart.last_ready.decision.as_of if chart.last_ready else "DATE"
    return (
        "restore MLflow's database and artifacts from their backup; or "
        f"`finrisk retrain {model} --as-of {as_of}`, whose version comes after {highest}, "
        f"then {promote}"
    )


def _numbers(numbers: Sequence[int]) -> str:
    word = "version" if len(numbers) == 1 else "versions"
    return f"{word} {', '.join(map(str, numbers))}"


def artifact_findings(chart: Chart, models: RegisteredModels) -> Iterator[Finding]:
    """Verify the champion's artifact, reproduce its golden scores, compare its libraries.

    Raises
    ------
    ArtifactRejected
        It is gone, not what was recorded, or does not score as it did.
    """
    if chart.champion is None or chart.needed is None:
        return
    _, manifest = models.open(chart.needed)
    rows = len(manifest.golden.scores)
    yield ok(
        f"{chart.model}: artifact", f"verifies, and scores {counted(rows, 'golden row')} as it did"
    )
    here = library_versions()
    other = [
        f"{name} {signed} (here {here.get(name)})"
        for name, signed in sorted(manifest.libraries.items())
        if here.get(name) != signed
    ]
    check = f"{chart.model}: libraries"
    if other:
        remedy = "nothing if the golden scores agree; a night trains with those here"
        yield warn(check, f"the champion was made with {', '.join(other)}", remedy)
        return
    yield ok(check, "those the champion was made with")


def alias_findings(chart: Chart, models: RegisteredModels) -> Iterator[Finding]:
    """Compare MLflow's aliases with the ledger, which they only show."""
    last = chart.history[-1] if chart.history else None
    wanted = {
        PRODUCTION: last.version if last else None,
        PREVIOUS: previous(chart.history),
    }
    shown = {alias: models.shown(alias) for alias in wanted}
    wrong = [
        f"{alias} shows {_text(shown[alias])}, the ledger says {_text(version)}"
        for alias, version in wanted.items()
        if shown[alias] != version
    ]
    check = f"{chart.model}: aliases"
    if wrong:
        remedy = f"`finrisk reconcile {chart.model}`; a version that MLflow lost cannot be shown"
        yield warn(check, "; ".join(wrong), remedy)
        return
    yield ok(check, ", ".join(f"{alias} {_text(version)}" for alias, version in wanted.items()))


def _text(version: int | None) -> str:
    return "nothing" if version is None else f"v{version}"
