"""Keys are kept as digests, owner-only; a rate holds for each key and spares the others."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from finrisk.errors import ConfigurationError
from finrisk.serving.api_keys import KEYS_FILE, ApiKeys, add_key, revoke_key
from finrisk.serving.key_ring import KeyRing
from finrisk.serving.problems import Refused

AT = datetime(2026, 3, 1, tzinfo=UTC)


def ring(folder: Path, tenant: str = "live", seconds: list[float] | None = None) -> KeyRing:
    at = seconds if seconds is not None else [0.0]
    made = KeyRing(folder, tenant, clock=lambda: at[0])
    made.refresh()
    return made


def status(made: KeyRing, key: str | None) -> int:
    try:
        made.admit(key)
    except Refused as refused:
        return refused.status
    return 200


def test_the_file_has_no_key_and_is_its_owners_only(tmp_path: Path) -> None:
    key, made = add_key(tmp_path / "keys", "desk", tenant="live", at=AT)

    path = tmp_path / "keys" / KEYS_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key not in path.read_text()
    assert len(key) >= 43  # 256 bits in base 64
    assert ApiKeys.load(path.parent).holder(key) == made


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    add_key(tmp_path, "desk", tenant="live", at=AT)
    (tmp_path / KEYS_FILE).chmod(0o640)

    with pytest.raises(ConfigurationError, match=r"read by others.*chmod 600"):
        ApiKeys.load(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"keys": [{"name": 3}]}', "\x00"])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / KEYS_FILE).write_text(content)
    (tmp_path / KEYS_FILE).chmod(0o600)

    with pytest.raises(ConfigurationError, match="does not hold API keys"):
        ApiKeys.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Desk 1"}, "no name of a key"),
        ({"name": "../desk"}, "no name of a key"),
        ({"rate": 0.0}, "can ask nothing"),
        ({"rate": float("nan")}, "can ask nothing"),
        ({"burst": 0}, "can ask nothing"),
        ({"name": "desk"}, "already"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    add_key(tmp_path, "desk", tenant="live", at=AT)

    with pytest.raises(ConfigurationError, match=says):
        add_key(tmp_path, **({"name": "other", "tenant": "live", "at": AT} | change))


def test_a_revoked_key_opens_nothing_and_frees_its_name(tmp_path: Path) -> None:
    old, _ = add_key(tmp_path, "desk", tenant="live", at=AT)
    held = ring(tmp_path)
    assert status(held, old) == 200

    revoke_key(tmp_path, "desk", at=AT)
    held.refresh()

    assert status(held, old) == 401
    new, _ = add_key(tmp_path, "desk", tenant="live", at=AT)
    held.refresh()
    assert (status(held, new), status(held, old)) == (200, 401)
    assert len(json.loads((tmp_path / KEYS_FILE).read_text())["keys"]) == 2
    with pytest.raises(ConfigurationError, match="no key is named"):
        revoke_key(tmp_path, "nobody", at=AT)


@pytest.mark.parametrize("presented", [None, "", "frk_", "x" * 5000, "ключ", "\udc80"])
def test_what_is_no_key_opens_nothing(tmp_path: Path, presented: str | None) -> None:
    add_key(tmp_path, "desk", tenant="live", at=AT)

    assert status(ring(tmp_path), presented) == 401


def test_a_key_of_another_scope_opens_nothing(tmp_path: Path) -> None:
    key, _ = add_key(tmp_path, "desk", tenant="replay", at=AT)

    assert status(ring(tmp_path, "live"), key) == 401
    assert status(ring(tmp_path, "replay"), key) == 200


def test_ten_times_the_rate_is_refused_for_that_key_and_nobody_else(tmp_path: Path) -> None:
    loud, _ = add_key(tmp_path, "loud", tenant="live", at=AT, rate=10.0, burst=10)
    quiet, _ = add_key(tmp_path, "quiet", tenant="live", at=AT, rate=10.0, burst=10)
    seconds = [0.0]
    held = ring(tmp_path, seconds=seconds)
    answers: dict[str, list[int]] = {loud: [], quiet: []}

    for hundredth in range(500):
        seconds[0] = hundredth / 100
        answers[loud].append(status(held, loud))
        if hundredth % 10 == 0:
            answers[quiet].append(status(held, quiet))

    assert set(answers[quiet]) == {200}
    assert answers[loud].count(200) == pytest.approx(10 + 50, abs=1)
    assert answers[loud].count(429) == 500 - answers[loud].count(200)


def test_a_limit_says_when_to_come_back(tmp_path: Path) -> None:
    key, _ = add_key(tmp_path, "desk", tenant="live", at=AT, rate=0.25, burst=1)
    held = ring(tmp_path)
    held.admit(key)

    with pytest.raises(Refused) as refused:
        held.admit(key)

    assert refused.value.headers == {"Retry-After": "4"}


def test_a_spoilt_file_leaves_the_keys_as_they_were(tmp_path: Path) -> None:
    key, _ = add_key(tmp_path, "desk", tenant="live", at=AT)
    held = ring(tmp_path)

    (tmp_path / KEYS_FILE).write_text("spoilt")
    held.refresh()

    assert status(held, key) == 200
    assert held.trouble is not None
    assert "does not hold API keys" in held.trouble


def test_the_file_that_was_there_before_ends_the_trouble(tmp_path: Path) -> None:
    key, _ = add_key(tmp_path, "desk", tenant="live", at=AT)
    held = ring(tmp_path)
    path, kept = tmp_path / KEYS_FILE, tmp_path / "kept.json"
    path.rename(kept)
    path.write_text("spoilt")
    held.refresh()
    assert held.trouble is not None

    kept.replace(path)  # the same inode, written when it was
    held.refresh()

    assert held.trouble is None
    assert status(held, key) == 200
