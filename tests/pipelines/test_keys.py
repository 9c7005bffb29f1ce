from __future__ import annotations

from datetime import date

import pytest

from finrisk.keys import code_version
from finrisk.pipelines.keys import night_key
from finrisk.records import DataVerdict, NightRequest, NightStatus, PreparedNight

PREPARED = PreparedNight(
    request=NightRequest("loans", date(2024, 9, 5)),
    status=NightStatus.READY,
    reasons=(),
    data=DataVerdict("pass"),
    spec_sha256="s" * 64,
)


def test_the_same_night_has_the_same_key() -> None:
    assert night_key(PREPARED, "live", "lr") == night_key(PREPARED, "live", "lr")


@pytest.mark.parametrize(
    "other",
    [
        night_key(PREPARED, "replay", "lr"),
        night_key(PREPARED, "live", "xgb"),
        night_key(PREPARED, "live"),
        night_key(PREPARED.replace(spec_sha256="t" * 64), "live", "lr"),
        night_key(
            PREPARED.replace(request=PREPARED.request.replace(as_of=date(2024, 9, 6))), "live", "lr"
        ),
        night_key(PREPARED.replace(request=PREPARED.request.replace(dry_run=True)), "live", "lr"),
    ],
)
def test_another_scope_candidate_spec_day_or_purpose_is_another_key(other: str) -> None:
    assert night_key(PREPARED, "live", "lr") != other


def test_who_asked_and_why_do_not_change_the_key() -> None:
    asked = PREPARED.replace(request=PREPARED.request.replace(actor="anna", reason="curious"))

    assert night_key(asked, "live") == night_key(PREPARED, "live")


def test_the_code_version_is_the_installed_one() -> None:
    assert code_version().count(".") == 2
