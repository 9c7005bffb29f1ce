"""People who may promote by a token: made once on the server, kept as a digest, ended by a date.

For an installation without an identity provider; with one, see ``identities``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from finrisk import key_file
from finrisk.errors import ConfigurationError
from finrisk.key_file import KeyFile, digest_of, new_key
from finrisk.records import Record
from finrisk.specs.policy import AIRFLOW

PROMOTERS_FILE = "promoters.json"
PREFIX = "frp_"
LASTS_DAYS, LONGEST_DAYS = 90, 366


@dataclass(frozen=True, slots=True)
class Promoter(Record):
    """A person who may promote, roll back, sign and freeze; their token is not known.

    Parameters
    ----------
    name : str
        Which the ledger records with everything they do.
    sha256 : str
        Of the token.
    expires : datetime
        From when on it opens nothing.
    tenant : str
        Whose models they may change, and no other's; empty: all of the installation's.
    """

    name: str
    sha256: str
    created: datetime
    expires: datetime
    revoked: datetime | None = None
    tenant: str = ""

    def acts_at(self, at: datetime) -> bool:
        """Say whether the token still opens anything."""
        return self.revoked is None and at < self.expires

    def state(self, at: datetime) -> str:
        """Say in words whether it counts.

        Examples
        --------
        >>> from datetime import UTC
        >>> made = datetime(2026, 1, 1, tzinfo=UTC)
        >>> Promoter("ana", "ab12", made, datetime(2026, 4, 1, tzinfo=UTC)).state(made)
        'until 2026-04-01'
        """
        if self.revoked is not None:
            return f"revoked {self.revoked:%Y-%m-%d}"
        return f"{'until' if at < self.expires else 'ended'} {self.expires:%Y-%m-%d}"


KEPT: KeyFile[Promoter] = KeyFile(
    file=PROMOTERS_FILE,
    kind=Promoter,
    holds="tokens of promoters",
    one="promoter",
    command="finrisk promoters",
    name_pattern=r"[a-z0-9][a-z0-9._@+-]{0,62}",
    name_in_words="small letters, digits, '.', '_', '-', '+' and '@'",
)


def add_promoter(
    folder: Path, name: str, *, at: datetime, days: int = LASTS_DAYS, tenant: str = ""
) -> tuple[str, Promoter]:
    """Make a token and keep its digest; the token itself is returned once and stored nowhere.

    Parameters
    ----------
    folder : Path
        ``Settings.keys``; made with mode 0700, the file with 0600.
    name : str
        As Airflow knows the person, where it does: who started a night is compared with it.
    at : datetime
        Now, with its zone.
    days : int
        How long it lasts; 366 at most.
    tenant : str
        Whose models they may change; empty: all.

    Raises
    ------
    ConfigurationError
        The name is taken, is none or is nobody's, or the days are none.
    """
    if name == AIRFLOW:
        raise ConfigurationError(
            f"{AIRFLOW!r} is the name that scheduled nights act under", expected="a person's name"
        )
    if not 1 <= days <= LONGEST_DAYS:
        raise ConfigurationError(
            "a token that lasts too long or not at all", expected=f"1 to {LONGEST_DAYS} days"
        )
    token = new_key(PREFIX)
    made = Promoter(name, digest_of(token), at, at + timedelta(days=days), tenant=tenant)
    KEPT.add(folder, made)
    return token, made


def revoke_promoter(folder: Path, name: str, *, at: datetime) -> Promoter:
    """Revoke a person's token; a page that is open acts no more from now on.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    return KEPT.revoke(folder, name, at)


def all_promoters(folder: Path) -> tuple[Promoter, ...]:
    """Return everybody who ever got a token, the revoked ones included.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or others may read it.
    """
    return KEPT.load(folder)


def promoter_of(folder: Path, token: str, at: datetime) -> Promoter | None:
    """Return whose token was presented, if it still counts; raises as :func:`all_promoters`."""
    found = key_file.holder(KEPT.load(folder), token)
    return found if found is not None and found.acts_at(at) else None


def still_acts(folder: Path, name: str, sha256: str, at: datetime) -> bool:
    """Say whether who logged in by a token still may act; raises as :func:`all_promoters`."""
    return any(
        (known.name, known.sha256) == (name, sha256) and known.acts_at(at)
        for known in KEPT.load(folder)
    )
