"""Late and corrected files are told, from what earlier nights read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from finrisk.data.landing_register import (
    CORRECTED,
    LATE,
    NIGHTS_KEPT,
    LandedFile,
    LandingRegister,
    read_register,
    with_findings,
    write_register,
)
from finrisk.records import Check, DataVerdict

MONDAY, TUESDAY, WEDNESDAY = date(2024, 8, 5), date(2024, 8, 6), date(2024, 8, 7)


def file(
    name: str, newest: date | None = date(2024, 7, 31), sha256: str = "a", first_name: str = ""
) -> LandedFile:
    return LandedFile(name, first_name or name, sha256, newest)


JUNE = file("06.parquet", date(2024, 6, 30))
JULY = file("07.parquet")


def after_monday() -> LandingRegister:
    return LandingRegister().recorded([JUNE, JULY], MONDAY)


def told(register: LandingRegister, *landed: LandedFile, as_of: date = TUESDAY) -> list[str]:
    checks = register.findings(landed, as_of, "month")
    return [f"{check.check}: {', '.join(check.examples)}" for check in checks]


def test_the_first_night_finds_nothing() -> None:
    assert told(LandingRegister(), JUNE, JULY) == []
    assert told(after_monday(), JUNE, JULY, as_of=MONDAY) == []


@pytest.mark.parametrize(
    ("newest", "late"),
    [
        (date(2024, 8, 5), False),
        (date(2024, 7, 1), False),
        (date(2024, 6, 30), False),
        (date(2024, 6, 29), True),
        (date(2023, 1, 31), True),
        (None, False),
    ],
)
def test_a_new_file_is_late_if_more_than_a_vintage_behind_the_night_before(
    newest: date | None, late: bool
) -> None:
    found = told(after_monday(), JUNE, JULY, file("new.parquet", newest))

    assert found == ([f"{LATE}: new.parquet"] if late else [])


def test_with_daily_vintages_a_day_is_the_measure() -> None:
    register = LandingRegister().recorded([file("30.parquet", date(2024, 7, 30))], MONDAY)

    on_time, late = file("29.parquet", date(2024, 7, 29)), file("28.parquet", date(2024, 7, 28))

    assert register.findings([on_time], TUESDAY, "day") == ()
    assert register.findings([late], TUESDAY, "day")[0].check == LATE


@pytest.mark.parametrize(
    ("again", "corrected"),
    [
        (JULY, False),
        (file("07.parquet", sha256="b"), True),
        (file("07~2.parquet", sha256="b", first_name="07.parquet"), True),
        (file("07~2.parquet", first_name="07.parquet"), False),
    ],
)
def test_a_known_file_with_other_bytes_is_corrected_in_place_or_as_a_revision(
    again: LandedFile, corrected: bool
) -> None:
    found = told(after_monday(), JUNE, again)

    assert found == ([f"{CORRECTED}: {again.name}"] if corrected else [])


def test_a_finding_warns_with_a_count_and_five_names_at_most() -> None:
    late = [file(f"{n}.parquet", date(2023, 1, 31)) for n in range(7)]

    (check,) = after_monday().findings([JUNE, JULY, *late], TUESDAY, "month")

    assert (check.severity, check.column, check.failing) == ("warn", None, 7)
    assert check.examples == tuple(f"{n}.parquet" for n in range(5))
    assert check.detail.startswith("7 partition(s) first seen now, with rows older by more than a")


def test_a_night_run_again_finds_the_same_and_leaves_the_same() -> None:
    tonight = (
        JUNE,
        file("07~2.parquet", sha256="b", first_name="07.parquet"),
        file("late.parquet", date(2023, 1, 31)),
    )
    before = after_monday()
    after = before.recorded(tonight, TUESDAY)

    assert told(after, *tonight) == told(before, *tonight) != []
    assert after.recorded(tonight, TUESDAY) == after
    assert told(after, *tonight, as_of=WEDNESDAY) == []


def test_a_file_mended_between_two_tries_of_a_night_is_told_each_time() -> None:
    mended = file("new.parquet", sha256="b")
    register = after_monday().recorded([JUNE, JULY, file("new.parquet")], TUESDAY)

    again = register.recorded([JUNE, JULY, mended], TUESDAY)

    assert told(register, JUNE, JULY, mended) == [f"{CORRECTED}: new.parquet"]
    assert told(again, JUNE, JULY, mended) == [f"{CORRECTED}: new.parquet"]


def test_the_register_knows_since_when_and_how_often() -> None:
    register = after_monday().recorded([file("07.parquet", sha256="b")], TUESDAY)

    july, june = register.files["07.parquet"], register.files["06.parquet"]

    assert (july.first_seen, july.last_changed, july.versions) == (MONDAY, TUESDAY, 2)
    assert (june.first_seen, june.last_changed, june.versions) == (MONDAY, MONDAY, 1)


def test_a_night_of_an_earlier_day_rewrites_no_history() -> None:
    register = after_monday().recorded([JUNE, JULY], TUESDAY)

    assert register.recorded([file("07.parquet", sha256="b")], MONDAY) is register


def test_rows_without_files_or_days_are_not_registered() -> None:
    assert after_monday().recorded([], TUESDAY) == after_monday()
    assert after_monday().recorded([file("x", None)], TUESDAY) == after_monday()


def test_only_the_newest_nights_are_kept() -> None:
    register = LandingRegister()
    for day in range(1, 31):
        register = register.recorded([JULY], date(2024, 8, day))
    for day in range(1, 31):
        register = register.recorded([JULY], date(2024, 9, day))

    assert len(register.nights) == NIGHTS_KEPT
    assert register.nights[-1].as_of == date(2024, 9, 30)


def test_a_register_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "store" / "landing" / "live" / "loans.json"

    write_register(path, after_monday())
    content = path.read_bytes()
    write_register(path, read_register(path))

    assert read_register(path) == after_monday()
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == ["loans.json"]


def test_an_empty_register_leaves_no_file(tmp_path: Path) -> None:
    write_register(tmp_path / "none.json", LandingRegister())

    assert read_register(tmp_path / "none.json") == LandingRegister()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"files": 3}', b"\xff"])
def test_a_broken_register_begins_anew_and_holds_no_night(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "loans.json"
    path.write_bytes(content)

    assert read_register(path) == LandingRegister()
    assert "begins anew" in caplog.text


@pytest.mark.parametrize(
    ("before", "after"), [("pass", "warn"), ("warn", "warn"), ("block", "block")]
)
def test_findings_warn_and_never_lift_a_block(before: str, after: str) -> None:
    found = Check("warn", None, LATE, 1, "1 partition(s)", ("a",))

    verdict = with_findings(DataVerdict(before), [found])

    assert (verdict.result, verdict.failed) == (after, (found,))
    assert with_findings(DataVerdict(before), []) == DataVerdict(before)
