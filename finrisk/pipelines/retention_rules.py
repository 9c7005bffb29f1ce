"""Why a thing stays: plain functions of facts, one a kind; None is "it may go".

Unknown keeps: a start nobody recorded, a version that the ledger does not know, a snapshot of which
nothing says whose it is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from finrisk.data.snapshots import StoredSnapshot
from finrisk.data.stored_files import FEATURES, StoredFile
from finrisk.pipelines.protected import NeededCopies, NeededSnapshots, NeededVersions
from finrisk.tracking.holdings import MODELS, CandidateRun
from finrisk.tracking.kept_copies import StoredCopy

YOUNG = "younger than the limit"
NEEDED = "ever champion, or named by evidence or a look"
ALIASED = "an alias points at it"
STRANGE = "registered, and the ledger does not know it"
BY_HAND = "logged by hand, not by a night"
RECENT = "of one of the newest champions, or signed"
NAMED = "looked at, fitted on by a needed version, or of a young or the newest night"
FITTED_ON = "a candidate that stays was fitted on it"
UNTOLD = "a needed version does not tell its snapshot"
OF_OTHERS = "of another model's nights"
OF_NOBODY = "of no night that is known"
NEWEST = "of the newest night"
STILL_READ = "of a day that nights still read"
LABELS_YOUNG = "their labels are younger than the limit"

DIGITS_OF_A_TAG = 12  # of the snapshot's sha256, in a candidate's dataset_version


def why_candidate_stays(
    candidate: CandidateRun, needed: NeededVersions, registered_name: str, older_than: datetime
) -> str | None:
    """Return why a candidate run stays.

    Parameters
    ----------
    candidate : CandidateRun
        With every version it is registered under.
    needed : NeededVersions
        Of the ledgers of all scopes.
    registered_name : str
        What its scope registers its model as; under another name it is somebody else's.
    older_than : datetime
        A run made or resumed since then is young.
    """
    if candidate.last_used is None or candidate.last_used >= older_than:
        return YOUNG
    uris = {f"{MODELS}{model_id}" for model_id in candidate.model_ids}
    named = candidate.run_id in needed.runs or candidate.artifact_sha256 in needed.artifacts
    if named or uris & needed.model_uris:
        return NEEDED
    if not candidate.of_a_night:
        return BY_HAND
    if any(version.aliases for version in candidate.versions):
        return ALIASED
    for version in candidate.versions:
        known = needed.known_runs.get((candidate.scope, candidate.model, version.number))
        ours = version.name == registered_name and version.model == candidate.model
        if not ours or known != candidate.run_id:
            return STRANGE
    return None


def why_snapshot_stays(
    snapshot: StoredSnapshot,
    needed: NeededSnapshots,
    datasets: Collection[str],
    models: Collection[str],
    older_than: datetime,
    *,
    take_nobodys: bool,
) -> str | None:
    """Return why a snapshot stays.

    Parameters
    ----------
    snapshot : StoredSnapshot
        Young if a night froze it since ``older_than``.
    needed : NeededSnapshots
        Of the ledgers of all scopes, and of MLflow's nights.
    datasets : collection of str
        First digits of the snapshots that remaining candidates were fitted on.
    models : collection of str
        Whose snapshots may go.
    take_nobodys : bool
        Whether one that no night is known to have frozen may go as well. It never does where not
        one night is known: then this is not the ledger of that store.
    """
    if snapshot.modified >= older_than:
        return YOUNG
    if snapshot.sha256 in needed.named:
        return NAMED
    if snapshot.sha256[:DIGITS_OF_A_TAG] in datasets:
        return FITTED_ON
    if needed.untold:
        return UNTOLD
    return _why_not_ours(snapshot, needed, models, take_nobodys=take_nobodys)


def _why_not_ours(
    snapshot: StoredSnapshot,
    needed: NeededSnapshots,
    models: Collection[str],
    *,
    take_nobodys: bool,
) -> str | None:
    owners = needed.owners.get(snapshot.sha256, frozenset())
    if owners - set(models):
        return OF_OTHERS
    return None if owners or (take_nobodys and needed.owners) else OF_NOBODY


def why_copy_stays(
    copy: StoredCopy, needed: NeededCopies, models: Collection[str], older_than: datetime
) -> str | None:
    """Return why a champion's copy stays: MLflow has the artifact as well, and keeps it for good.

    Parameters
    ----------
    copy : StoredCopy
        Young if it was kept, or kept again, since ``older_than``.
    needed : NeededCopies
        Of the ledgers of all scopes.
    models : collection of str
        Whose copies may go.
    """
    if copy.modified >= older_than:
        return YOUNG
    if copy.artifact_sha256 in needed.artifacts:
        return RECENT
    owners = needed.owners.get(copy.artifact_sha256, frozenset())
    if owners - set(models):
        return OF_OTHERS
    return None if owners else OF_NOBODY


def why_file_stays(
    file: StoredFile, older_than: datetime, read_since: date | None = None
) -> str | None:
    """Return why a file stays: young by its night or by its clock, of the newest night, or read.

    Parameters
    ----------
    read_since : date, optional
        The oldest event day that the model's nights read: of features served since then the next
        snapshot is made.
    """
    young = file.as_of is not None and file.as_of >= older_than.date()
    if young or file.modified >= older_than:
        return YOUNG
    if file.kind == FEATURES and file.as_of is not None and read_since is not None:
        return STILL_READ if file.as_of >= read_since else None
    return NEWEST if file.newest else None


def why_decisions_stay(day: StoredFile, older_than: datetime, known_on: date) -> str | None:
    """Return why a day's decisions stay: young, or wanted yet by whoever measures them.

    Parameters
    ----------
    known_on : date
        When the labels of that day are believed. A decision is measured by its label, which may
        come long after it.
    """
    if day.as_of is None or day.as_of >= older_than.date() or day.modified >= older_than:
        return YOUNG
    return LABELS_YOUNG if known_on >= older_than.date() else None
