"""What skops wrote passes; what unpacks to more, or holds NaN, does not. See also tests/faults."""

from __future__ import annotations

import io
import json
import zipfile
from zipfile import ZIP_DEFLATED, ZIP_STORED

import numpy as np
import pytest
import skops.io
import xgboost as xgb
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

from finrisk.errors import ArtifactRejected
from finrisk.tracking.flavor import model_parts
from finrisk.tracking.soundness import check_archive, check_leaves
from tests.tracking.factories import boosted_model, logistic_model

ROWS = np.random.default_rng(5).normal(size=(60, 2))
LABELS = (ROWS[:, 0] > 0).astype(int)
FOREST = RandomForestClassifier(n_estimators=3, max_depth=2, random_state=1).fit(ROWS, LABELS)
BOOSTED = GradientBoostingClassifier(n_estimators=3, max_depth=2).fit(ROWS, LABELS)


def archived(name: str = "schema.json", compression: int = ZIP_STORED, times: int = 1) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.writestr(name, b"0" * 10_000)
        archive.filelist *= times
    return content.getvalue()


def test_what_skops_wrote_passes() -> None:
    for name, content in model_parts(logistic_model()).items():
        if name.endswith(".skops"):
            check_archive(name, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archived(compression=ZIP_DEFLATED), "stored uncompressed; got schema.json compressed"),
        (archived(times=3), r"at most its own \d+ bytes unpacked; got 30000"),
        (archived("../../schema.json"), "schema.json and arrays; got '../../schema.json'"),
        (archived("/etc/1.npy"), "schema.json and arrays; got '/etc/1.npy'"),
        (b"PK\x01\x02" * 100_001, "at most 100000 members; got 100001"),
    ],
)
def test_an_archive_that_unpacks_to_more_or_elsewhere_is_refused(
    content: bytes, message: str
) -> None:
    with pytest.raises(ArtifactRejected, match=f"prep.skops is signed, but unsound.*{message}"):
        check_archive("prep.skops", content)


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(zipfile.BadZipFile):
        check_archive("prep.skops", b"no archive")


@pytest.mark.parametrize(
    "estimator",
    [FOREST, BOOSTED, logistic_model().estimator, boosted_model().estimator],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_with_numbers_and_no_trees_pass(estimator: object) -> None:
    check_leaves(estimator)


@pytest.mark.parametrize("estimator", [FOREST, BOOSTED], ids=lambda model: type(model).__name__)
def test_one_leaf_without_a_number_is_refused(estimator: object) -> None:
    spoilt = skops.io.loads(skops.io.dumps(estimator), trusted=["sklearn.tree._tree.Tree"])
    np.ravel(spoilt.estimators_)[-1].tree_.value[-1] = np.nan

    with pytest.raises(ArtifactRejected, match="a number in every leaf; got NaN or infinity"):
        check_leaves(spoilt)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_leaf_of_a_booster_without_a_number_is_refused(value: float) -> None:
    whole = json.loads(bytes(boosted_model().estimator.save_raw("json")))
    tree = whole["learner"]["gradient_booster"]["model"]["trees"][-1]
    tree["split_conditions"][-1] = value  # the last node is a leaf: this is its value
    spoilt = xgb.Booster()
    spoilt.load_model(bytearray(json.dumps(whole).encode()))

    with pytest.raises(ArtifactRejected, match="a number in every leaf; got NaN or infinity"):
        check_leaves(spoilt)


def test_a_feature_whose_name_looks_like_such_a_leaf_passes() -> None:
    data = xgb.DMatrix(ROWS, LABELS, feature_names=["1:leaf=nan", "inf"])

    check_leaves(xgb.train({"max_depth": 2}, data, num_boost_round=2))
