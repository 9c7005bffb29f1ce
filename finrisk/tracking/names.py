"""Names that MLflow takes: said before anything is written, not half-way through."""

from __future__ import annotations

from finrisk.errors import ConfigurationError

LONGEST_NAME = 250
NOT_LOGGED = "/:.%\"'"
NOT_REGISTERED = "/:'"


def checked_name(name: object, *, without: str) -> str:
    """Return a model's name if MLflow takes it.

    Parameters
    ----------
    name : object
        What somebody gave.
    without : str
        Characters that may not be in it: ``NOT_LOGGED`` or ``NOT_REGISTERED``.

    Raises
    ------
    ConfigurationError
        It is no text, blank, too long, or holds one of the characters or an unprintable one.

    Examples
    --------
    >>> checked_name("credit_risk_model", without=NOT_REGISTERED)
    'credit_risk_model'
    """
    sound = (
        isinstance(name, str)
        and name.strip()
        and len(name) <= LONGEST_NAME
        and name.isprintable()
        and not set(name) & set(without)
    )
    if not sound:
        raise ConfigurationError(
            "no name for a model",
            expected=f"1 to {LONGEST_NAME} printable characters, none of {' '.join(without)}",
            got=repr(name)[:80],
            remedy="letters, digits and _ always do",
        )
    return str(name)
