from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier

from finrisk.errors import (
    ConfigurationError,
    DataError,
    EvidenceMissing,
    FinRiskError,
    LabelError,
)
from finrisk.ledger.store import Ledger
from finrisk.metrics.ranking import ranking_metrics
from finrisk.monitoring.mlflow_tracker import (
    log_credit_risk_model,
    log_fraud_detection_model,
    mlflow_tracker,
    model_registry,
)
from finrisk.tracking.client import open_client
from finrisk.tracking.registry import VersionRegistry
from tests.monitoring.factories import (
    CLASSIFIERS,
    COLUMNS,
    DETECTORS,
    arguments,
    fitted,
    frames,
)

CREDIT_METRICS = {
    "auc", "gini", "ks", "average_precision", "brier", "psi",
    "precision", "recall", "f1_score", "accuracy",
    "train_samples", "test_samples", "n_features", "bad_rate_train", "bad_rate_test",
}  # fmt: skip
FRAUD_METRICS = {
    "auc", "gini", "ks", "average_precision", "psi", "precision_at_100",
    "lift_top_1pct", "lift_top_5pct", "lift_top_10pct",
    "detection_rate_at_fpr_1pct", "detection_rate_at_fpr_5pct",
    "precision", "recall", "f1_score", "accuracy",
    "train_samples", "test_samples", "n_features", "fraud_rate_train", "fraud_rate_test",
}  # fmt: skip
DOCUMENTS = {
    "data_statistics.json", "data_distributions.json", "model_config.json", "pictures",
}  # fmt: skip


def run_of(run_id: str) -> Any:
    return open_client(mlflow_tracker.settings).get_run(run_id)


def document(run_id: str, name: str, folder: Path) -> Any:
    client = open_client(mlflow_tracker.settings)
    return json.loads(Path(client.download_artifacts(run_id, name, str(folder))).read_text())


def files(run_id: str, folder: str | None = None) -> set[str]:
    found = open_client(mlflow_tracker.settings).list_artifacts(run_id, folder)
    return {item.path for item in found}


def known(name: str) -> Any:
    with Ledger.open(mlflow_tracker.settings) as ledger:
        return ledger.versions(name)[-1]


@pytest.fixture(scope="module")
def logged(home: Path) -> Callable[[str], str]:
    """Log each algorithm once, as its kind is documented."""
    done: dict[str, str] = {}

    def run_id_of(algorithm: str) -> str:
        if algorithm not in done:
            log = log_fraud_detection_model if algorithm in DETECTORS else log_credit_risk_model
            done[algorithm] = log(**arguments(algorithm))
        return done[algorithm]

    return run_id_of


@pytest.mark.parametrize("algorithm", [*CLASSIFIERS, *DETECTORS])
def test_what_is_in_production_predicts_exactly_as_it_was_fitted(
    logged: Callable[[str], str], algorithm: str
) -> None:
    X_test, model = frames()[1], fitted(algorithm)
    version = model_registry.register_model(logged(algorithm), f"{algorithm}_model")
    model_registry.promote_model(f"{algorithm}_model", version, "Production")

    loaded = model_registry.load_production_model(f"{algorithm}_model")

    assert loaded.algorithm == algorithm
    assert np.array_equal(loaded.predict(X_test), model.predict(X_test))
    assert np.array_equal(loaded.predict(X_test.to_numpy()), model.predict(X_test))
    if algorithm in CLASSIFIERS:
        assert np.allclose(loaded.predict_proba(X_test), model.predict_proba(X_test), atol=1e-7)
    else:
        assert np.array_equal(loaded.score(X_test), -model.score_samples(X_test))


@pytest.mark.parametrize("algorithm", [*CLASSIFIERS, *DETECTORS])
def test_a_run_holds_what_the_documentation_names(
    logged: Callable[[str], str], algorithm: str
) -> None:
    detector = algorithm in DETECTORS
    kind = "fraud_detection" if detector else "credit_risk"

    run = run_of(logged(algorithm))

    assert re.fullmatch(rf"{kind}_{algorithm}_\d{{8}}_\d{{6}}", run.info.run_name)
    assert run.info.status == "FINISHED"
    assert set(run.data.metrics) == (FRAUD_METRICS if detector else CREDIT_METRICS)
    assert run.data.tags["model_type"] == kind
    assert run.data.tags["algorithm"] == algorithm
    assert run.data.tags["experiment_type"] == "model_training"
    assert {"dataset_version", "feature_set"} <= set(run.data.tags)
    assert set(run.data.params) == set(fitted(algorithm).get_params())
    own = {"anomaly_scores_stats.json"} if detector else {"feature_importance.json"}
    assert files(run.info.run_id) == DOCUMENTS | own


@pytest.mark.parametrize("algorithm", [*CLASSIFIERS, *DETECTORS])
def test_a_run_holds_its_pictures(logged: Callable[[str], str], algorithm: str) -> None:
    own = {"anomaly_scores"} if algorithm in DETECTORS else {
        "calibration", "score_distribution", "importance",
    }  # fmt: skip

    pictures = files(logged(algorithm), "pictures")

    named = {"roc", "precision_recall", "feature_distributions", *own}
    assert pictures == {f"pictures/{name}.png" for name in named}


@pytest.mark.parametrize("algorithm", [*CLASSIFIERS, *DETECTORS])
def test_metrics_are_measured_with_higher_as_riskier(
    logged: Callable[[str], str], algorithm: str
) -> None:
    _, X_test, _, y_test = frames()
    model = fitted(algorithm)
    risk = (
        -model.score_samples(X_test)
        if algorithm in DETECTORS
        else model.predict_proba(X_test)[:, 1]
    )

    measured = run_of(logged(algorithm)).data.metrics["auc"]

    assert measured == pytest.approx(ranking_metrics(y_test, risk).auc)
    assert measured > 0.7


def test_a_disagreement_is_flagged_and_both_are_logged(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"auc": 0.5, "f1": 0.1, "profit": 7.0, "note": "good"}

    with caplog.at_level(logging.WARNING):
        run = run_of(log_credit_risk_model(**arguments("xgboost", metrics=given)))

    assert run.data.metrics["reported_auc"] == 0.5
    assert run.data.metrics["auc"] > 0.7
    assert run.data.metrics["profit"] == 7.0
    told = run.data.tags["finrisk.metrics_disagree"]
    assert told.startswith("auc: 0.5 was given, 0.")
    assert "f1: 0.1 was given" in told
    assert "auc: 0.5 was given" in caplog.text


def test_metrics_that_agree_are_not_flagged(home: Path) -> None:
    _, X_test, _, y_test = frames()
    risk = fitted("xgboost").predict_proba(X_test)[:, 1]
    given = {"roc_auc": ranking_metrics(y_test, risk).auc + 0.004}

    run = run_of(log_credit_risk_model(**arguments("xgboost", metrics=given)))

    assert "reported_roc_auc" in run.data.metrics
    assert "finrisk.metrics_disagree" not in run.data.tags


@pytest.mark.parametrize(
    ("given", "direction"),
    [
        (lambda model, X: model.score_samples(X), "turned"),
        (lambda model, X: model.decision_function(X), "turned"),
        (lambda model, X: -model.score_samples(X), "as given"),
        (lambda _, X: np.arange(len(X)), "unrelated"),
    ],
)
def test_anomaly_scores_are_turned_so_that_higher_is_riskier(
    home: Path, tmp_path: Path, given: Callable[..., Any], direction: str
) -> None:
    X_test = frames()[1]
    scores = given(fitted("isolation_forest"), X_test)

    run_id = log_fraud_detection_model(**arguments("isolation_forest", anomaly_scores=scores))

    told = document(run_id, "anomaly_scores_stats.json", tmp_path)
    assert told["given"] == direction
    assert told["direction"] == "higher = riskier"
    expected = -scores if direction == "turned" else scores
    assert told["mean"] == pytest.approx(expected.mean())
    assert run_of(run_id).data.tags["finrisk.anomaly_scores"] == direction


def test_no_row_reaches_mlflow(home: Path, tmp_path: Path) -> None:
    _, X_test, _, _ = frames()
    extreme = X_test.copy()
    extreme.iloc[0, 0] = 123456.789

    run_id = log_credit_risk_model(**arguments("logistic_regression", X_test=extreme))

    for name in ("data_statistics.json", "data_distributions.json", "model_config.json"):
        assert "123456" not in json.dumps(document(run_id, name, tmp_path))


def test_a_pipeline_with_categories_comes_back_as_it_was_fitted(home: Path) -> None:
    X_train, X_test, y_train, _ = (part.copy() for part in frames())
    for part in (X_train, X_test):
        part["purpose"] = np.where(part["age"] > 0, "car", "home")
    encoder = make_column_transformer((OneHotEncoder(), ["purpose"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression()).fit(X_train, y_train)
    changes = {"model": model, "X_train": X_train, "X_test": X_test, "hyperparameters": {}}

    run_id = log_credit_risk_model(**arguments("logistic_regression", **changes))
    version = model_registry.register_model(run_id, "with_categories")
    model_registry.promote_model("with_categories", str(version), "production")

    loaded = model_registry.load_production_model("with_categories")
    assert loaded.algorithm == "logistic_regression"
    assert np.array_equal(loaded.predict(X_test), model.predict(X_test))
    one = X_test.iloc[0].to_dict()
    assert loaded.predict(one) == loaded.predict([one]) == [int(model.predict(X_test.head(1))[0])]


def test_arrays_are_frames_without_names(home: Path) -> None:
    X_train, X_test, y_train, y_test = (part.to_numpy() for part in frames())
    model = RandomForestClassifier(5, min_samples_leaf=5, random_state=1).fit(X_train, y_train)
    changes = {
        "model": model, "X_train": X_train, "X_test": X_test,
        "y_train": y_train.tolist(), "y_test": y_test.tolist(), "hyperparameters": None,
    }  # fmt: skip

    run = run_of(log_credit_risk_model(**arguments("random_forest", **changes)))

    assert run.data.metrics["n_features"] == 4
    assert run.data.metrics["auc"] > 0.7


def test_test_rows_of_one_class_are_logged_without_ranking(home: Path) -> None:
    goods = pd.Series(np.zeros(300, dtype=int))

    run_id = log_credit_risk_model(**arguments("xgboost", y_test=goods))

    assert "auc" not in run_of(run_id).data.metrics
    assert "psi" in run_of(run_id).data.metrics
    assert "pictures/roc.png" not in files(run_id, "pictures")


SHORT = pd.Series([0, 1])
DATED = frames()[0].assign(income=pd.Timestamp("2024-01-01"))


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"model": LogisticRegression()}, ConfigurationError, "not a fitted"),
        ({"model": Ridge().fit(*frames()[::2])}, ConfigurationError, "neither a probability"),
        (
            {"model": HistGradientBoostingClassifier(max_iter=2).fit(*frames()[::2])},
            ConfigurationError,
            "types that FinRisk does not load",
        ),
        ({"y_test": SHORT}, LabelError, "y_test has 2 labels"),
        ({"y_train": frames()[2] + 1}, LabelError, "y_train holds something that is no label"),
        ({"X_train": DATED}, DataError, "income: datetime64"),
        ({"X_train": frames()[0][list(COLUMNS[::-1])]}, DataError, "fitted on other columns"),
        ({"X_test": frames()[1][["income"]]}, DataError, "features without a column: debt"),
        ({"X_train": frames()[0].to_numpy()[0]}, DataError, "rows that do not fit"),
        ({"X_train": None}, DataError, "rows that are None"),
        ({"X_train": frames()[0].iloc[:0]}, DataError, "got 0 rows, 4 columns"),
        ({"X_test": csr_matrix(frames()[1])}, DataError, "sparse matrix"),
        ({"X_test": frames()[1].assign(age=np.nan)}, DataError, "the model cannot score X_test"),
        ({"X_train": frames()[0].iloc[:, [0, 1, 2, 0]]}, DataError, "of one name: income"),
        ({"X_train": frames()[0].assign(age=[[1]] * 600)}, DataError, "no model scores: age"),
        ({"y_test": None}, LabelError, "y_test is None"),
        ({"y_test": frames()[3].astype("Int64").where(lambda y: y == 0)}, LabelError, "no label"),
        ({"y_test": frames()[3].iloc[::-1]}, LabelError, "in another order"),
        ({"metrics": [("auc", 0.8)]}, ConfigurationError, "metrics is no mapping"),
        ({"hyperparameters": "C=1"}, ConfigurationError, "hyperparameters is no mapping"),
        ({"feature_importance": [0.1]}, ConfigurationError, "one finite number a feature"),
        ({"feature_importance": {"age": None}}, ConfigurationError, "one finite number"),
        ({"model": LogisticRegression}, ConfigurationError, "neither a probability"),
        ({"model": GaussianMixture(2).fit(frames()[0])}, ConfigurationError, "something else"),
    ],
)
def test_what_cannot_be_logged_is_said_clearly(
    home: Path, changes: dict[str, Any], error: type[FinRiskError], says: str
) -> None:
    with pytest.raises(error, match=says):
        log_credit_risk_model(**arguments("logistic_regression", **changes))


def test_labels_of_other_words_are_refused(home: Path) -> None:
    X_train, _, y_train, _ = frames()
    model = LogisticRegression().fit(X_train, y_train.map({0: "good", 1: "bad"}))

    with pytest.raises(ConfigurationError, match="other labels than 0 and 1"):
        log_credit_risk_model(**arguments("logistic_regression", model=model))


def test_anomaly_scores_of_other_rows_are_refused(home: Path) -> None:
    with pytest.raises(DataError, match="anomaly_scores do not fit"):
        log_fraud_detection_model(**arguments("isolation_forest", anomaly_scores=[0.1, 0.2]))
    with pytest.raises(DataError, match="anomaly_scores are no numbers"):
        log_fraud_detection_model(**arguments("isolation_forest", anomaly_scores=["a"] * 300))


def statuses(model_name: str) -> list[str]:
    found = open_client(mlflow_tracker.settings).search_runs(
        [mlflow_tracker.experiment_id], f"tags.model_name = '{model_name}'"
    )
    return [run.info.status for run in found]


def test_what_would_not_load_again_begins_no_run(home: Path) -> None:
    model = HistGradientBoostingClassifier(max_iter=2).fit(*frames()[::2])

    with pytest.raises(ConfigurationError):
        log_credit_risk_model(**arguments("xgboost", model=model, model_name="unloadable"))

    assert statuses("unloadable") == []


def test_a_log_that_fails_leaves_no_run_that_looks_finished(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("finrisk.tracking.tracker.write_run", full)

    with pytest.raises(OSError, match="disk full"):
        log_credit_risk_model(**arguments("xgboost", model_name="half_way"))

    assert statuses("half_way") == ["FAILED"]


@pytest.mark.parametrize("name", ["", "  ", None, 5, "a/b", "rf.v2", "50%", "x" * 251, "a\nb"])
def test_a_name_that_mlflow_refuses_is_refused_before_a_run_begins(home: Path, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="no name for a model"):
        log_credit_risk_model(**arguments("xgboost", model_name=name))


def test_what_somebody_says_of_one_class_is_logged_as_reported_and_never_signed(
    home: Path,
) -> None:
    goods = pd.Series(np.zeros(300, dtype=int))
    given = {"auc": 0.99, "ks": 0.9, "rows": 9000.0, "train_samples": 5.0}

    run_id = log_credit_risk_model(**arguments("xgboost", y_test=goods, metrics=given))

    run = run_of(run_id)
    assert "auc" not in run.data.metrics
    assert run.data.metrics["reported_auc"] == 0.99
    assert run.data.metrics["train_samples"] == 600
    version = model_registry.register_model(run_id, "one_class_said_to_be_good")
    with pytest.raises(EvidenceMissing, match="0 bads in the rows it was logged with"):
        model_registry.promote_model("one_class_said_to_be_good", version)
    manifest = VersionRegistry(mlflow_tracker.settings).open(known("one_class_said_to_be_good"))[1]
    assert set(manifest.provenance.evaluation) == {"psi", "rows", "bads"}
    assert manifest.provenance.evaluation["rows"] == 300
    assert json.loads(run.data.tags["finrisk.trained"])["development_score"] == 0.0


def test_metrics_that_are_no_number_are_named_in_a_tag(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"profit": None, "cost": float("nan"), "note": "good", "margin": 0.1}

    with caplog.at_level(logging.WARNING):
        run = run_of(log_credit_risk_model(**arguments("xgboost", metrics=given)))

    assert run.data.tags["finrisk.metrics_not_logged"] == "profit, cost, note"
    assert run.data.metrics["margin"] == 0.1
    assert "not logged: profit, cost, note" in caplog.text


def test_a_model_that_keeps_rows_says_so(
    logged: Callable[[str], str], home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        run = run_of(log_fraud_detection_model(**arguments("one_class_svm")))

    assert run.data.tags["finrisk.holds_rows"] == "support_vectors"
    assert "holds rows it was fitted on" in caplog.text
    assert "finrisk.holds_rows" not in run_of(logged("isolation_forest")).data.tags


def test_a_pipeline_that_ends_in_xgboost_comes_back_as_it_was_fitted(home: Path) -> None:
    X_train, X_test, y_train, _ = (part.copy() for part in frames())
    for part in (X_train, X_test):
        part["purpose"] = np.where(part["age"] > 0, "car", "home")
    encoder = make_column_transformer((OneHotEncoder(), ["purpose"]), remainder="passthrough")
    model = make_pipeline(encoder, XGBClassifier(n_estimators=5, n_jobs=1)).fit(X_train, y_train)
    changes = {"model": model, "X_train": X_train, "X_test": X_test, "hyperparameters": {}}

    run_id = log_credit_risk_model(**arguments("xgboost", **changes))
    model_registry.promote_model("boosted_pipeline", model_registry.register_model(
        run_id, "boosted_pipeline"
    ))  # fmt: skip

    loaded = model_registry.load_production_model("boosted_pipeline")
    assert loaded.algorithm == "xgboost"
    assert np.array_equal(loaded.predict(X_test), model.predict(X_test))


def test_years_and_an_empty_remark_are_logged(home: Path) -> None:
    X_train, X_test, y_train, _ = (part.copy() for part in frames())
    for part in (X_train, X_test):
        part["year"] = np.where(part["age"] > 0, 2011, 2008)
        part["remark"] = pd.Series(None, index=part.index, dtype="str")
    encoder = make_column_transformer((OneHotEncoder(), ["year"]), ("passthrough", ["income"]))
    model = make_pipeline(encoder, LogisticRegression()).fit(X_train, y_train)
    changes = {"model": model, "X_train": X_train, "X_test": X_test, "hyperparameters": {}}

    assert log_credit_risk_model(**arguments("logistic_regression", **changes))


def test_logging_leaves_the_callers_model_as_it_was(home: Path) -> None:
    model = XGBClassifier(n_estimators=5, n_jobs=2).fit(*frames()[::2])
    before = model.get_booster().save_config()

    log_credit_risk_model(**arguments("xgboost", model=model))

    assert model.get_booster().save_config() == before


@pytest.mark.parametrize("form", [list, np.array, pd.Series])
def test_importance_may_come_as_one_number_a_feature(
    home: Path, tmp_path: Path, form: Callable[..., Any]
) -> None:
    given = form([0.4, 0.3, 0.2, 0.1])
    if isinstance(given, pd.Series):
        given.index = list(COLUMNS)

    run_id = log_credit_risk_model(**arguments("xgboost", feature_importance=given))

    expected = dict(zip(COLUMNS, (0.4, 0.3, 0.2, 0.1), strict=True))
    assert document(run_id, "feature_importance.json", tmp_path) == expected


def test_importing_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_NO_SUCH_SETTING", "read only on first use")

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import finrisk.monitoring.mlflow_tracker"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
