"""What lenders, scopes and their things are called, where several share one list."""

from __future__ import annotations

LIVE = "live"
SCOPE_PATTERN = r"^[a-z][a-z0-9_-]{0,31}$"
APART = "__"
TENANT_PATTERN = rf"(?!(?:{LIVE}|replay)$)(?=.{{1,20}}$)[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
TENANT_IN_WORDS = f"small letters, digits and single _, 20 at most, neither {LIVE!r} nor 'replay'"
TENANTS_FOLDER = "tenants"


def qualified(tenant: str, name: str) -> str:
    """Return a name as it stands where tenants share a list: Dags, assets, MLflow, connections.

    A tenant's own name has no ``__`` in it and does not end in ``_``, so two of them never make one
    name between them.

    Examples
    --------
    >>> qualified("acme", "credit_risk"), qualified("", "credit_risk")
    ('acme__credit_risk', 'credit_risk')
    """
    return f"{tenant}{APART}{name}" if tenant else name
