"""``finrisk gc``: what is old and not needed goes; what cannot be told stays, and is counted.

``protected`` gathers what is needed, ``retention_rules`` decides, this module carries it out. In
such an order that a crash breaks nothing that stays: candidates first, then the snapshots that no
remaining one was fitted on, then pages and rows of old nights. No row of the ledger is removed.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from finrisk.config import Settings, load_settings
from finrisk.data import stored_files
from finrisk.data.decision_log import DecisionLog
from finrisk.data.maturity import maturity_day, vintage_of
from finrisk.data.quality_store import QualityStore
from finrisk.data.reach import first_day_read
from finrisk.data.snapshots import SnapshotStore
from finrisk.data.stored_files import StoredFile
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.pipelines.protected import (
    ledger_facts,
    needed_copies,
    needed_snapshots,
    needed_versions,
)
from finrisk.pipelines.retention_report import Removed, RetentionReport
from finrisk.pipelines.retention_rules import (
    DIGITS_OF_A_TAG,
    YOUNG,
    why_candidate_stays,
    why_copy_stays,
    why_decisions_stay,
    why_file_stays,
    why_snapshot_stays,
)
from finrisk.specs.loader import find_spec
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.cleaning import MlflowCleaner
from finrisk.tracking.holdings import CandidateRun
from finrisk.tracking.registry import VersionRegistry
from finrisk.tracking.signing import PUBLIC_KEY

log = logging.getLogger(__name__)

LOCK_SECONDS = 120
MOST_DAYS = 36_500
CANDIDATES, SNAPSHOTS, COPIES = "candidates", "snapshots", "champions"
MEANWHILE = "registered while the removal ran"


def collect(
    settings: Settings,
    models: Sequence[str],
    *,
    keep_days: int,
    dry_run: bool,
    now: datetime,
    take_nobodys: bool = False,
) -> RetentionReport:
    """Remove what is older than ``keep_days`` and not needed, of these models in every scope.

    Safe to repeat, and to run beside a night: whatever a night needs is younger.

    Parameters
    ----------
    settings : Settings
        Where things are; their scope does not matter.
    models : sequence of str
        Names of specs. Things of any other model stay.
    keep_days : int
        At least 1.
    dry_run : bool
        Report only.
    now : datetime
        With its time zone.
    take_nobodys : bool
        Also snapshots that no night of any model is known to have frozen.

    Raises
    ------
    ConfigurationError
        ``keep_days`` is out of range, or a model has no spec.
    Unreachable
        MLflow or the ledger does not answer, or another removal has run for two minutes.
    """
    if not 1 <= keep_days <= MOST_DAYS:
        raise ConfigurationError("no such age", expected=f"1 to {MOST_DAYS} days", got=keep_days)
    specs = {model: find_spec(settings.conf_locations, model) for model in models}
    older_than = now.astimezone(UTC) - timedelta(days=keep_days)
    with _alone(settings):
        sweep = _Sweep(settings, specs, older_than, dry_run=dry_run)
        sweep.candidates()
        sweep.snapshots(take_nobodys=take_nobodys)
        sweep.copies()
        sweep.files()
    return RetentionReport(
        models=tuple(sorted(specs)),
        keep_days=keep_days,
        older_than=older_than,
        dry_run=dry_run,
        removed={kind: Removed(len(sizes), sum(sizes)) for kind, sizes in sweep.removed.items()},
        kept={kind: dict(reasons) for kind, reasons in sweep.kept.items()},
        left=tuple(sweep.left),
    )


def collect_model(
    model: str, *, keep_days: int, dry_run: bool, settings: Settings | None = None
) -> RetentionReport:
    """Do the same for one model, by the clock of now; without settings, the environment's."""
    settings = settings or load_settings()
    return collect(settings, [model], keep_days=keep_days, dry_run=dry_run, now=datetime.now(UTC))


@dataclass
class _Sweep:
    """One removal: facts first, then kind by kind, with what went and what stayed."""

    settings: Settings
    specs: dict[str, ModelSpec]
    older_than: datetime
    dry_run: bool
    removed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    kept: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cleaner = MlflowCleaner(self.settings)
        holdings = self.cleaner.holdings()  # before the ledger: what is registered after is newer
        self.runs, self.nights = holdings.candidates, holdings.nights
        self._ask_the_ledgers()
        self.datasets: set[str] = set()

    def _ask_the_ledgers(self) -> None:
        self.facts = ledger_facts(self.settings)
        self.needed = needed_versions(self.facts)

    def candidates(self) -> None:
        """Remove candidate runs; what stays tells which snapshots stay for it."""
        elsewhere = 0
        for run in self.runs:
            if run.model not in self.specs or self._stays(run):
                self.datasets.add(run.dataset[:DIGITS_OF_A_TAG])
                continue
            if _went_before(run):
                continue
            self._note(CANDIDATES, sum(stored_files.bytes_in(folder) for folder in run.folders))
            elsewhere += run.elsewhere
            if not self.dry_run:
                log.info("removing candidate run %s of %s", run.run_id, run.model)
                self.left += self.cleaner.remove(run)
        if elsewhere:
            self.left.append(
                f"{elsewhere} candidates have files outside {self.settings.artifacts} (a server's "
                "store, or another folder): MLflow shows them no more, the files stay there"
            )

    def snapshots(self, *, take_nobodys: bool) -> None:
        """Remove snapshots that neither the ledger nor a remaining candidate needs."""
        store = SnapshotStore(self.settings.store / "snapshots")
        needed = needed_snapshots(
            self.facts, self.nights, self.older_than, self.cleaner.snapshot_of
        )
        for snapshot in store.stored():
            reason = why_snapshot_stays(
                snapshot,
                needed,
                self.datasets,
                tuple(self.specs),
                self.older_than,
                take_nobodys=take_nobodys,
            )
            if reason is not None:
                self.kept[SNAPSHOTS][reason] += 1
                continue
            with self._telling(f"snapshot {snapshot.sha256}"):
                if self.dry_run or store.remove(snapshot.sha256, older_than=self.older_than):
                    self._note(SNAPSHOTS, snapshot.bytes)
        self.left += [
            f"no snapshot goes: {untold} does not tell its own; restore its artifact, or the "
            f"{PUBLIC_KEY} that it was signed with"
            for untold in needed.untold
        ]

    def copies(self) -> None:
        """Remove copies of champions that were followed by others long ago."""
        kept = VersionRegistry(self.settings).copies
        needed = needed_copies(self.facts)
        for copy in kept.stored():
            reason = why_copy_stays(copy, needed, tuple(self.specs), self.older_than)
            if reason is not None:
                self.kept[COPIES][reason] += 1
                continue
            with self._telling(f"copy {copy.artifact_sha256}"):
                if self.dry_run or kept.remove(copy.artifact_sha256, older_than=self.older_than):
                    self._note(COPIES, copy.bytes)
        if not self.dry_run:
            kept.remove_unfinished(older_than=self.older_than)

    def files(self) -> None:
        """Remove pages and rows of old nights, and what killed processes were writing."""
        store = self.settings.store
        found: list[tuple[StoredFile, date | None]] = []
        for model in self.specs:
            of_model = stored_files.of_nights(store, model)
            found += [(file, self._read_since(file, of_model)) for file in of_model]
        found += [(file, None) for file in stored_files.unfinished(store)]
        lists: set[Path] = set()
        for file, read_since in found:
            reason = self._why_file(file, read_since)
            if reason is not None:
                self.kept[file.kind][reason] += 1
                continue
            with self._telling(str(file.path)):
                if self.dry_run or self._remove_file(file):
                    self._note(file.kind, file.bytes)
                if not self.dry_run and file.kind == stored_files.QUALITY:
                    lists.add(file.path.parent)
        for folder in sorted(lists):
            self._list_anew(folder)

    def _why_file(self, file: StoredFile, read_since: date | None) -> str | None:
        if file.kind != stored_files.DECISIONS or file.as_of is None:
            return why_file_stays(file, self.older_than, read_since)
        spec = self.specs[file.path.parent.name]
        vintage = vintage_of(file.as_of, spec.time.vintage)
        return why_decisions_stay(file, self.older_than, maturity_day(vintage, spec.label))

    def _remove_file(self, file: StoredFile) -> bool:
        if file.kind != stored_files.DECISIONS or file.as_of is None:
            stored_files.remove(file)
            return True
        of_model = file.path.parent  # a batch may be adding to it: the log itself removes
        decisions = DecisionLog(of_model.parent.parent, of_model.parent.name)
        return decisions.remove(of_model.name, file.as_of, older_than=self.older_than)

    def _read_since(self, file: StoredFile, others: Sequence[StoredFile]) -> date | None:
        """Return the oldest day of served features that the folder's newest night has read."""
        if file.kind != stored_files.FEATURES or file.as_of is None:
            return None
        model = file.path.parent.parent.name
        beside = (o.as_of for o in others if o.path.parent == file.path.parent)
        newest = max(day for day in beside if day is not None)
        return first_day_read(self.specs[model], newest + timedelta(days=1))

    def _list_anew(self, folder: Path) -> None:
        """Write the list of a model's quality pages in one scope without those that went."""
        model, scope = folder.name, folder.parent.name
        with self._telling(str(folder)):
            QualityStore(folder.parent.parent, scope, model, self.specs[model].title).refresh()

    def _stays(self, run: CandidateRun) -> bool:
        reason = self._why(run)
        if reason is None and not (self.dry_run or _went_before(run)):
            reason = self._why_now(run)
        if reason is not None:
            self.kept[CANDIDATES][reason] += 1
        return reason is not None

    def _why(self, run: CandidateRun) -> str | None:
        scoped = self.settings.in_scope(run.scope)
        name = scoped.scoped_registered_name(self.specs[run.model].registered_name)
        return why_candidate_stays(run, self.needed, name, self.older_than)

    def _why_now(self, run: CandidateRun) -> str | None:
        """Ask the ledger and MLflow once more: an old night run again may use it meanwhile."""
        if self.cleaner.registered_meanwhile(run):
            return MEANWHILE
        if self.cleaner.used_since(run, self.older_than):
            return YOUNG
        if not run.versions:
            return None
        self._ask_the_ledgers()
        return self._why(run)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Put what the system does not allow into the report, and go on."""
        try:
            yield
        except OSError as exc:
            self.left.append(f"{what} could not be removed: {exc.strerror}")

    def _note(self, kind: str, size: int) -> None:
        self.removed[kind].append(size)


def _went_before(run: CandidateRun) -> bool:
    """Whether an earlier removal, or a person, took it out and left nothing here."""
    return run.deleted and not run.folders


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    lock = settings.home / ".finrisk-gc.lock"
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            yield
    except Timeout as exc:
        raise Unreachable(
            f"another removal has held {lock} for {LOCK_SECONDS} s",
            remedy="wait for it, then ask again",
        ) from exc
