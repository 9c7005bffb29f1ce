from __future__ import annotations

from pathlib import Path

import pytest

from finrisk.alerting.tokens import (
    PREVIOUS,
    TOKEN,
    AlertTokens,
    create_alert_token,
    end_rotation,
    rotate_alert_token,
)
from finrisk.errors import ConfigurationError


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    create_alert_token(tmp_path / "keys")
    return tmp_path / "keys"


def written(path: Path) -> str:
    return path.read_text().strip()


def test_a_token_has_256_bits_and_is_its_owner_s(keys: Path) -> None:
    assert len(written(keys / TOKEN)) == 43  # 32 bytes in base64
    assert (keys / TOKEN).stat().st_mode & 0o777 == 0o600
    assert keys.stat().st_mode & 0o777 == 0o700


def test_made_again_it_stays(keys: Path) -> None:
    before = written(keys / TOKEN)

    create_alert_token(keys)

    assert written(keys / TOKEN) == before


def test_only_the_token_is_accepted(keys: Path) -> None:
    token, tokens = written(keys / TOKEN), AlertTokens(keys)

    assert tokens.accept(token)
    for wrong in ("", token[:-1], f"{token}x", token.swapcase(), "Bearer", "\udc80", "é" * 43):
        assert not tokens.accept(wrong)


def test_in_a_rotation_two_are_accepted_and_no_restart_is_needed(keys: Path) -> None:
    tokens, first = AlertTokens(keys), written(keys / TOKEN)
    assert tokens.accept(first)

    rotate_alert_token(keys)
    second = written(keys / TOKEN)
    assert first != second
    assert tokens.accept(first)
    assert tokens.accept(second)
    assert (keys / PREVIOUS).stat().st_mode & 0o777 == 0o600
    assert (keys / TOKEN).stat().st_mode & 0o777 == 0o600

    assert end_rotation(keys)
    assert not tokens.accept(first)
    assert tokens.accept(second)
    assert not end_rotation(keys)


def test_a_second_rotation_waits_for_the_end_of_the_first(keys: Path) -> None:
    rotate_alert_token(keys)
    before = written(keys / TOKEN)

    with pytest.raises(ConfigurationError, match="rotation has not ended"):
        rotate_alert_token(keys)

    assert written(keys / TOKEN) == before


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        pytest.param("short", 0o600, "holds no token", id="short"),
        pytest.param("", 0o600, "holds no token", id="empty"),
        pytest.param("a" * 43 + "\n" + "b" * 43, 0o600, "holds no token", id="two lines"),
        pytest.param("é" * 50, 0o600, "holds no token", id="no letters of a header"),
        pytest.param("a" * 43, 0o644, "chmod 600", id="everybody's"),
    ],
)
def test_no_token_lets_nobody_in(keys: Path, text: str, mode: int, says: str) -> None:
    (keys / TOKEN).write_text(text)
    (keys / TOKEN).chmod(mode)

    with pytest.raises(ConfigurationError, match=says) as told:
        AlertTokens(keys).accept(text)

    assert not text or text not in str(told.value)


def test_without_a_file_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="finrisk init"):
        AlertTokens(tmp_path).accept("")


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file, and no folder")

    with pytest.raises(ConfigurationError, match="cannot be read"):
        AlertTokens(tmp_path / "keys").accept("")
