from __future__ import annotations

from finrisk import errors


def test_a_message_says_what_expected_got_and_remedy() -> None:
    error = errors.LandingError("empty", expected="rows", got=0, remedy="deliver again")

    assert str(error) == "empty; expected rows; got 0; remedy: deliver again"


def test_each_branch_has_its_exit_status() -> None:
    tree = [e for e in vars(errors).values() if isinstance(e, type)]

    branches = {e.exit_status for e in tree if e.__bases__ == (errors.FinRiskError,)}

    assert branches == {2, 3, 4, 5, 6}
    assert all(issubclass(e, errors.FinRiskError) for e in tree)


def test_a_message_quotes_a_bounded_part_of_what_was_given() -> None:
    error = errors.UnknownModel(f"no model {'a' * 70_000!r}", expected="one of credit_risk")

    assert len(str(error)) < 2 * errors.LONGEST_PART
    assert "(70,011 characters); expected one of credit_risk" in str(error)
