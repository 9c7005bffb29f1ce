"""A candidate's grid: which configurations a search tries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from finrisk.specs.training import Candidate, Parameter, Values

Configuration = dict[str, Parameter]


def configurations(candidate: Candidate, most: int, seed: int) -> list[Configuration]:
    """Return the candidate's grid, the last name of its search turning fastest.

    A grid of more than ``most`` is sampled without replacement, and stays in the grid's order.
    Only what the search lists is in it; a range is for the sampler, and the spec refuses it here.

    Examples
    --------
    >>> candidate = Candidate(
    ...     name="lr", algorithm="logistic_regression", parameters={"max_iter": 50},
    ...     search={"C": (0.1, 1.0)})
    >>> configurations(candidate, most=8, seed=1)
    [{'max_iter': 50, 'C': 0.1}, {'max_iter': 50, 'C': 1.0}]
    """
    listed = {name: part for name, part in candidate.search.items() if isinstance(part, tuple)}
    total = math.prod(len(values) for values in listed.values())
    chosen: Sequence[int] = range(total)
    if total > most:  # drawn by number: a large grid is never laid out
        drawn = np.random.default_rng(seed).choice(total, size=most, replace=False)
        chosen = sorted(drawn.tolist())
    return [candidate.parameters | _nth(listed, number) for number in chosen]


def _nth(search: Mapping[str, Values], number: int) -> Configuration:
    """Return configuration ``number`` of the grid, as the digits of a number of mixed base."""
    turned: Configuration = {}
    for name in reversed(list(search)):
        number, digit = divmod(number, len(search[name]))
        turned[name] = search[name][digit]
    return dict(reversed(turned.items()))
