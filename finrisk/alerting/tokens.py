"""The bearer tokens that let an alert in: one, and during a rotation its predecessor as well.

``keys/alerts.token`` holds the token that is sent, on one line, as Prometheus' own programs read a
``credentials_file``. ``keys/alerts.previous.token`` is there only while a rotation lasts.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path

from finrisk.atomic import write_once, write_whole
from finrisk.errors import ConfigurationError

TOKEN = "alerts.token"  # noqa: S105 - a file's name
PREVIOUS = "alerts.previous.token"
TOKEN_BYTES = 32  # 256 bits: nobody guesses it, however fast we answer
SHORTEST = 43  # characters of 32 bytes in base64
WRITTEN = re.compile(rf"[A-Za-z0-9._~+/-]{{{SHORTEST},512}}=*")
FOR_EVERYBODY = stat.S_IRWXO
MOST_BYTES = 1024


def create_alert_token(folder: Path) -> None:
    """Make the token unless it is there already; an existing one is never replaced.

    Parameters
    ----------
    folder : Path
        ``Settings.keys``; made with mode 0700, the token with 0600.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / TOKEN).exists():
        write_once(folder / TOKEN, _new_token(), mode=0o600)


def rotate_alert_token(folder: Path) -> None:
    """Make another token; until :func:`end_rotation` the one before it is accepted as well.

    Raises
    ------
    ConfigurationError
        There is no token, or a rotation has not ended: a third token would end the first at once.
    """
    current = _read(folder / TOKEN)
    if (folder / PREVIOUS).exists():
        raise ConfigurationError(
            f"a rotation has not ended: {folder / PREVIOUS} is there",
            remedy="give every sender the new token, then `finrisk alerts rotate --end`",
        )
    # in this order: at no moment is a token refused that somebody was given
    write_once(folder / PREVIOUS, f"{current}\n".encode(), mode=0o600)
    write_whole(folder / TOKEN, _new_token())


def end_rotation(folder: Path) -> bool:
    """Refuse the previous token from now on; whether there was one."""
    there = (folder / PREVIOUS).exists()
    (folder / PREVIOUS).unlink(missing_ok=True)
    return there


def _new_token() -> bytes:
    return f"{secrets.token_urlsafe(TOKEN_BYTES)}\n".encode()


class AlertTokens:
    """The tokens of a folder, read anew when a file changes: a rotation needs no restart.

    Parameters
    ----------
    folder : Path
        ``Settings.keys``.
    """

    def __init__(self, folder: Path) -> None:
        self._files = (folder / TOKEN, folder / PREVIOUS)
        self._seen: tuple[object, ...] = ()
        self._digests: tuple[bytes, ...] = ()

    def accept(self, given: str) -> bool:
        """Whether this is a token, in a time that does not depend on how nearly it is one.

        Raises
        ------
        ConfigurationError
            There is no token to compare with, it cannot be read, or everybody could read it.
        """
        digest = _digest(given)
        # a sum, and not any(): the second is compared whatever the first gave
        return sum(hmac.compare_digest(digest, one) for one in self._accepted()) > 0

    def _accepted(self) -> tuple[bytes, ...]:
        seen = tuple(map(_as_seen, self._files))
        if seen != self._seen or not self._digests:
            current, previous = self._files
            tokens = [_read(current), *([_read(previous)] if seen[1] else [])]
            self._digests = tuple(map(_digest, tokens))
            self._seen = seen
        return self._digests


def _digest(token: str) -> bytes:
    """Return bytes of one length, so that the comparison tells nothing of the token's."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _as_seen(path: Path) -> object:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    return (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(MOST_BYTES).decode("ascii", "replace").strip()
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    if mode & FOR_EVERYBODY:
        raise ConfigurationError(
            f"{path} can be read by everybody",
            got=f"mode {stat.S_IMODE(mode):o}",
            remedy=f"chmod 600 {path}, then `finrisk alerts rotate`: others may know it",
        )
    if not WRITTEN.fullmatch(text):
        raise ConfigurationError(
            f"{path} holds no token",
            expected=f"one line of {SHORTEST} characters or more, of those a header may carry",
            remedy="move it away and run `finrisk init`; then give senders the new one",
        )
    return text


def _unreadable(path: Path, exc: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the token of alerts {path} cannot be read ({exc.strerror})",
        expected="a token made once for this installation",
        remedy="run `finrisk init`, or set FINRISK_KEYS to the folder that holds it",
    )
