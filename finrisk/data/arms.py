"""Which arm of an experiment a row is in: a matter of its key alone, and of the experiment's salt.

The key's keyed hash, which the decision log has, is hashed with the salt. So the same row is always
in the same arm, two experiments divide rows independently, nobody without the installation's key
can choose a key for an arm, and whoever has the log and the ledger can check each row's arm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

WHOLE = 2**64


def of_challenger(hashes: Sequence[str], salt: str, share: float) -> list[bool]:
    """Say of each row whether the challenger decides it.

    Parameters
    ----------
    hashes : sequence of str
        The rows' keyed hashes, as ``RowHasher.rows`` gives them.
    salt : str
        The experiment's.
    share : float
        Of the rows, in expectation. A larger share keeps every row that a smaller one has.

    Examples
    --------
    >>> rows = [f"{number:064x}" for number in range(1000)]
    >>> sum(of_challenger(rows, "5a17", 0.1)), sum(of_challenger(rows, "5a17", 0.2))
    (96, 182)
    """
    begun = hashlib.sha256(f"{salt}\x1f".encode())
    bound = int(share * WHOLE)
    found = []
    for told in hashes:
        one = begun.copy()
        one.update(told.encode())
        found.append(int.from_bytes(one.digest()[:8], "big") < bound)
    return found
