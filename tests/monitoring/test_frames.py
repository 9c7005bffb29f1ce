from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import LabelError
from finrisk.monitoring.frames import check_same_order, named_features


def test_an_arrays_columns_get_names() -> None:
    assert list(named_features([[1.0, 2.0]])) == ["feature_0", "feature_1"]


def test_the_same_index_in_another_order_is_refused_and_another_index_is_not() -> None:
    rows = pd.DataFrame({"age": [1, 2, 3]})
    labels = pd.Series([0, 1, 0])

    check_same_order(rows, labels, "y")
    check_same_order(rows, labels.set_axis([7, 8, 9]), "y")
    check_same_order(rows, np.array([0, 1, 0]), "y")
    with pytest.raises(LabelError, match="another order"):
        check_same_order(rows, labels.loc[[2, 0, 1]], "y")
