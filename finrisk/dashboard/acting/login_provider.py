"""Which identity provider logs people in: what Streamlit's secrets say of ``[auth]``.

With ``[auth]``, people log in by the provider and no token of ours is accepted: one door, whose
keys the provider takes away. While it is away, ``finrisk promote`` on the server still works. What
is not set up safely lets nobody act, and says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from finrisk.errors import ConfigurationError

SHORTEST_SECRET = 32
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
NEEDED = ("client_id", "client_secret", "server_metadata_url")


def provider() -> str | None:
    """Return the name of the provider in the secrets, empty if it has none; None without one.

    Raises
    ------
    ConfigurationError
        The secrets cannot be read, or do not name one provider that can be trusted.
    """
    auth = _auth()
    if auth is None:
        return None
    if st.get_option("server.trustedUserHeaders"):
        raise _unsafe("no server.trustedUserHeaders", "some: a header would overrule the provider")
    return checked(auth)


def checked(auth: Mapping[str, Any]) -> str:
    """Return the name of the one provider of ``[auth]``, empty if it has none of its own.

    Parameters
    ----------
    auth : mapping
        The section: of one provider, because two may give two people the same subject or group.

    Raises
    ------
    ConfigurationError
        A key is missing, a secret can be guessed, or a login would travel unencrypted.

    Examples
    --------
    >>> from string import ascii_letters
    >>> whose = dict.fromkeys(NEEDED, "x") | {"server_metadata_url": "https://id.example/c"}
    >>> back = "https://risk.example/oauth2callback"
    >>> checked({"redirect_uri": back, "cookie_secret": ascii_letters, "bank": whose})
    'bank'
    """
    named = {key: part for key, part in auth.items() if isinstance(part, Mapping)}
    sections = {key: part for key, part in named.items() if "client_id" in part}
    if "client_id" in auth:
        sections[""] = auth
    if len(sections) != 1:
        raise _unsafe("one provider with a client_id", f"{len(sections)} of them")
    (name, section), *_ = sections.items()
    missing = [key for key in NEEDED if not str(section.get(key, ""))]
    if missing:
        raise _unsafe("client_id, client_secret, server_metadata_url", f"no {', '.join(missing)}")
    if len(str(auth.get("cookie_secret", ""))) < SHORTEST_SECRET:
        raise _unsafe(
            f"a cookie_secret of {SHORTEST_SECRET} random characters or more",
            "a shorter one, or none: whoever guesses it logs in as anybody",
        )
    for key, at in (
        ("redirect_uri", auth.get("redirect_uri", "")),
        ("server_metadata_url", section["server_metadata_url"]),
    ):
        if not _is_private(str(at)):
            raise _unsafe(f"{key} to be https, or on this machine", "an address others may read")
    return name


def _auth() -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] | None = st.secrets.get("auth")
    except (OSError, ValueError) as exc:  # Streamlit's own error is a FileNotFoundError
        if any(Path(place).exists() for place in st.get_option("secrets.files")):
            raise ConfigurationError(
                "the secrets of the dashboard cannot be read, so nobody can log in",
                remedy="correct or remove .streamlit/secrets.toml",
            ) from exc
        return None
    if found is not None and not isinstance(found, Mapping):
        raise _unsafe("[auth] to be a section", "a value")
    return found


def _is_private(address: str) -> bool:
    try:
        where = urlsplit(address)
    except ValueError:
        return False
    return where.scheme == "https" or (where.scheme == "http" and where.hostname in THIS_MACHINE)


def _unsafe(expected: str, got: str) -> ConfigurationError:
    return ConfigurationError(
        "[auth] in the dashboard's secrets is not set up, so nobody can log in",
        expected=expected,
        got=got,
        remedy="correct .streamlit/secrets.toml, or remove [auth] from it",
    )
