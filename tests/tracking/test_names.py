from __future__ import annotations

import pytest

from finrisk.errors import ConfigurationError
from finrisk.tracking.names import NOT_LOGGED, NOT_REGISTERED, checked_name


@pytest.mark.parametrize("name", ["credit_risk_model", "rf v2", "naïve 模型", "x" * 250])
def test_a_name_that_mlflow_takes_is_kept(name: str) -> None:
    assert checked_name(name, without=NOT_LOGGED) == name


@pytest.mark.parametrize("name", ["", " ", None, 5, "a/b", "a:b", "O'Brien", "a\nb", "x" * 251])
def test_a_name_that_mlflow_refuses_is_refused(name: object) -> None:
    with pytest.raises(ConfigurationError, match="1 to 250 printable characters"):
        checked_name(name, without=NOT_REGISTERED)


def test_a_logged_model_may_have_no_dot_and_a_registered_one_may() -> None:
    assert checked_name("rf.v2", without=NOT_REGISTERED) == "rf.v2"
    with pytest.raises(ConfigurationError):
        checked_name("rf.v2", without=NOT_LOGGED)
