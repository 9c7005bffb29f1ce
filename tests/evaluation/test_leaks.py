from __future__ import annotations

import numpy as np
import pandas as pd

from finrisk.evaluation.leaks import strongest_feature

RNG = np.random.default_rng(3)
ROWS = 2000
LABELS = (RNG.random(ROWS) < 0.2).astype(np.int8)
HONEST = pd.DataFrame(
    {
        "income": RNG.normal(size=ROWS) - 0.3 * LABELS,
        "home": np.where(RNG.random(ROWS) < 0.5, "own", "rent"),
    }
)


def test_an_honest_feature_is_far_from_a_leak() -> None:
    strongest = strongest_feature(HONEST, LABELS, numeric=("income",))

    assert strongest is not None
    assert strongest[0] == "income"
    assert 0.5 < strongest[1] < 0.7


def test_a_number_that_knows_the_outcome_is_found_in_either_direction() -> None:
    for sign in (1.0, -1.0):
        planted = HONEST.assign(recovered=sign * LABELS + RNG.normal(scale=0.01, size=ROWS))

        assert strongest_feature(planted, LABELS, numeric=("income", "recovered")) == (
            "recovered",
            1.0,
        )


def test_a_date_that_only_bads_have_is_found_by_its_missing_values() -> None:
    planted = HONEST.assign(settled=np.where(LABELS == 1, RNG.random(ROWS), np.nan))

    strongest = strongest_feature(planted, LABELS, numeric=("income", "settled"))

    assert strongest == ("settled", 1.0)


def test_a_category_that_knows_the_outcome_is_found() -> None:
    planted = HONEST.assign(status=np.where(LABELS == 1, "late", "paid"))

    assert strongest_feature(planted, LABELS, numeric=("income",)) == ("status", 1.0)


def test_a_category_of_many_kinds_is_not_mistaken_for_a_leak() -> None:
    many = HONEST.assign(zip_code=[f"z{n}" for n in range(ROWS)])

    strongest = strongest_feature(many, LABELS, numeric=("income",))

    assert strongest is not None
    assert strongest[0] == "income"


def test_nothing_is_measured_on_one_class() -> None:
    assert strongest_feature(HONEST, np.zeros(ROWS, dtype=np.int8), numeric=("income",)) is None
    assert strongest_feature(HONEST[:1], LABELS[:1], numeric=("income",)) is None
