from __future__ import annotations

from finrisk.ledger.store import Ledger
from finrisk.records import Decision
from tests.ledger.factories import AT, MODEL, NIGHT, digest, judge, night_decision, version


def test_versions_come_a_page_at_a_time_newest_first(ledger: Ledger) -> None:
    for number in range(1, 6):
        ledger.remember_version(version(number))

    page, total = ledger.register(MODEL, limit=2, offset=2)

    assert [one.version for one in page] == [version(3), version(2)]
    assert total == 5
    assert ledger.register("nobody", limit=2) == ([], 0)


def test_a_version_tells_the_newest_night_that_judged_it(ledger: Ledger) -> None:
    for number in (1, 2):
        ledger.remember_version(version(number))
    judge(ledger, version(2), NIGHT, Decision.HOLD)
    sha256 = judge(ledger, version(2), NIGHT.replace(day=2), Decision.PROMOTE)

    newest, never = ledger.register(MODEL, limit=9)[0]

    assert (newest.night, newest.decision) == (NIGHT.replace(day=2), Decision.PROMOTE)
    assert (newest.evidence_sha256, newest.snapshot_sha256) == (sha256, digest("snapshot"))
    assert newest.candidate is None
    assert (never.night, never.decision, never.snapshot_sha256) == (None, None, None)


def test_a_candidate_is_named_by_the_record_of_its_own_night(ledger: Ledger) -> None:
    ledger.remember_version(version(2))
    judge(ledger, version(2))
    for challenger, candidate in ((version(2), "xgb"), (version(3), "forest")):
        ledger.record_night(
            night_decision(challenger=challenger, candidate=candidate),
            snapshot_sha256=None, spec_sha256="", holdout_sha256=None, at=AT,
        )  # fmt: skip
        named = ledger.register(MODEL, limit=9)[0][0].candidate

        assert named == (candidate if challenger == version(2) else None)
