"""Keyed hashes that stand for row keys and identifiers where decisions are kept.

A plain digest of an account number is undone by hashing every account number there is. With a key
that lies outside every store it is not, and the same row still gives the same hash: labels that
come months later find their decisions, and rows of one customer are known to belong together.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa

from finrisk.atomic import write_once
from finrisk.errors import ConfigurationError

ROW_HASH_KEY = "row-hash.key"
KEY_BYTES = 32  # as long as a digest of SHA-256: a shorter one is weaker, a longer one no stronger
BLOCK_BYTES = 64
INNER, OUTER = 0x36, 0x5C
APART = "\x1f"
ROW = "_row"


def create_row_hash_key(folder: Path) -> None:
    """Make the key unless it is there already; an existing key is never replaced.

    Parameters
    ----------
    folder : Path
        ``Settings.keys``; made with mode 0700, the key with 0600.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / ROW_HASH_KEY
    if not path.exists():
        write_once(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode(), mode=0o600)


@dataclass(frozen=True)
class RowHasher:
    """Hashes identifiers with the installation's key: HMAC-SHA256, 64 hexadecimal digits.

    The message names the model and the column, so that a customer of two models, or a value of two
    columns, has two hashes.

    Examples
    --------
    >>> hasher = RowHasher(bytes(32))
    >>> cells = pd.Series(["A-1", None, "A-1"], dtype="str")
    >>> [told and told[:8] for told in hasher.hashes("loans", "customer", cells).to_pylist()]
    ['6fa96fcf', None, '6fa96fcf']
    """

    key: bytes = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the key of ``Settings.keys``.

        Raises
        ------
        ConfigurationError
            It is not there, or is none.
        """
        path = folder / ROW_HASH_KEY
        try:
            key = bytes.fromhex(path.read_text(encoding="ascii"))
        except OSError as exc:
            raise ConfigurationError(
                f"the key of row hashes {path} cannot be read ({exc.strerror})",
                expected="a key made once for this installation",
                remedy="run `finrisk init`, or set FINRISK_KEYS to the folder that holds it",
            ) from exc
        except ValueError:
            key = b""  # the error would quote what it could not read
        if len(key) < KEY_BYTES:
            raise ConfigurationError(
                f"{path} holds no key of row hashes",
                expected=f"{2 * KEY_BYTES} hexadecimal digits",
                remedy="restore it from your backup; under a new key no label finds the decisions "
                "that were logged under the old one",
            )
        return cls(key)

    @property
    def key_id(self) -> str:
        """What tells this key from another, and nothing of the key."""
        return self._hash("", "_key_id", [""])[0][:16]

    def rows(self, model: str, ids: pd.Series) -> pa.Array:
        """Return the hashes of row keys, as text, which is what labels are joined by; shape (n,).

        Parameters
        ----------
        model : str
            Whose rows.
        ids : Series of str
            ``_row_id`` of landed rows, or of their reports.
        """
        return pa.array(self._hash(model, ROW, ids.tolist()), pa.string())

    def keys(self, model: str, ids: Sequence[str]) -> list[str]:
        """Return the same of a few keys, without a frame: a request has microseconds for it."""
        return self._hash(model, ROW, list(ids))

    def hashes(self, model: str, column: str, cells: pd.Series) -> pa.Array:
        """Return the hashes of a column's cells, shape (n,); missing stays missing.

        Parameters
        ----------
        model, column : str
            Whose, and which: its declared name.
        cells : Series
            Each distinct value is hashed once, as its text.
        """
        codes, values = pd.factorize(cells)
        told = pa.array(self._hash(model, column, [str(value) for value in values]), pa.string())
        return told.take(pa.array(codes, mask=codes < 0))

    def _hash(self, model: str, column: str, texts: list[str]) -> list[str]:
        """HMAC by its definition: copies of two begun digests take half the time of ``hmac``."""
        key = self.key if len(self.key) <= BLOCK_BYTES else hashlib.sha256(self.key).digest()
        block = key.ljust(BLOCK_BYTES, b"\0")
        begun = hashlib.sha256(bytes(byte ^ INNER for byte in block))
        begun.update(f"{model}{APART}{column}{APART}".encode())
        ended = hashlib.sha256(bytes(byte ^ OUTER for byte in block))
        found = []
        for text in texts:
            inner, outer = begun.copy(), ended.copy()
            inner.update(text.encode())
            outer.update(inner.digest())
            found.append(outer.hexdigest())
        return found
