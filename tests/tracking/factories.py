"""Small fitted models, and what a trainer would say about them."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from finrisk.records import (
    DataVerdict,
    Decision,
    NightDecision,
    NightRequest,
    NightStatus,
    PreparedNight,
    SnapshotRef,
    Window,
)
from finrisk.tracking.calibrator import IsotonicCalibrator, PlattCalibrator
from finrisk.tracking.candidate_log import CandidateLog
from finrisk.tracking.flavor import save_model
from finrisk.tracking.manifest import Provenance
from finrisk.tracking.rows import aligned_features
from finrisk.tracking.run_writer import RunContents
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.tracking.signing import Signer

NUMERIC = ("income", "utilisation")
CATEGORICAL = ("purpose",)
FEATURES = ("income", "purpose", "utilisation")
DEVELOPMENT = Window(date(2024, 1, 1), date(2024, 6, 30), rows=600, bads=200)
HOLDOUT = Window(date(2024, 7, 1), date(2024, 8, 31), rows=300, bads=90)


def features(rows: int = 600, seed: int = 7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": rng.normal(size=rows),
            "purpose": rng.choice(np.array(["car", "home", "other", None], dtype=object), rows),
            "utilisation": np.where(rng.random(rows) < 0.2, np.nan, rng.lognormal(size=rows)),
        }
    )


def labels(frame: pd.DataFrame, seed: int = 8) -> np.ndarray:
    risk = 1 / (1 + np.exp(frame["income"] - (frame["purpose"] == "car")))
    return (np.random.default_rng(seed).random(len(frame)) < risk).astype(int).to_numpy()


@cache
def logistic_model() -> ScoringModel:
    frame = features()
    aligned = aligned_features(frame, FEATURES, CATEGORICAL)
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    preprocessor = ColumnTransformer(
        [
            ("numeric", numbers, list(NUMERIC)),
            ("categorical", OneHotEncoder(handle_unknown="ignore"), list(CATEGORICAL)),
        ]
    ).fit(aligned)
    estimator = LogisticRegression(max_iter=300)
    estimator.fit(preprocessor.transform(aligned), labels(frame))
    calibrator = PlattCalibrator(slope=1.1, intercept=-0.2)
    return model_of(preprocessor, estimator, calibrator, "logistic_regression")


@cache
def boosted_classifier() -> tuple[Any, xgb.XGBClassifier]:
    frame = features()
    aligned = aligned_features(frame, FEATURES, CATEGORICAL)
    preprocessor = ColumnTransformer(
        [
            ("numeric", "passthrough", list(NUMERIC)),
            (
                "categorical",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                list(CATEGORICAL),
            ),
        ]
    ).fit(aligned)
    classifier = xgb.XGBClassifier(n_estimators=30, max_depth=3, tree_method="hist", nthread=1)
    classifier.fit(preprocessor.transform(aligned), labels(frame))
    return preprocessor, classifier


@cache
def boosted_model() -> ScoringModel:
    preprocessor, classifier = boosted_classifier()
    calibrator = IsotonicCalibrator(xs=(0.1, 0.4, 0.9), ys=(0.05, 0.3, 0.8))
    return model_of(preprocessor, classifier, calibrator, "xgboost")


def model_of(preprocessor: Any, estimator: Any, calibrator: Any, algorithm: Any) -> ScoringModel:
    return ScoringModel(
        feature_names=FEATURES,
        numeric=NUMERIC,
        categorical=CATEGORICAL,
        preprocessor=preprocessor,
        estimator=estimator,
        calibrator=calibrator,
        algorithm=algorithm,
    )


def provenance(**changes: Any) -> Provenance:
    return Provenance(
        model="credit_risk",
        model_type="credit_risk",
        candidate="boosted",
        as_of=date(2024, 10, 1),
        run_key="key-of-a-candidate",
        training_window=DEVELOPMENT,
        snapshot_sha256="5" * 64,
        spec_sha256="6" * 64,
        seed=1,
        feature_definitions={},
    ).replace(**changes)


def golden_rows() -> pd.DataFrame:
    return features(rows=12, seed=99)


def candidate_log(**changes: Any) -> CandidateLog:
    made = {
        "provenance": provenance(),
        "model": boosted_model(),
        "golden_rows": golden_rows(),
        "development_score": 0.71,
        "seconds": 1.5,
        "contents": RunContents(
            params={"max_depth": 3, "seed": 1},
            metrics={"auc": 0.71, "ks": 0.3, "unknown": None},
            documents={"model_config.json": {"max_depth": 3}},
            pictures={"roc": b"a picture"},
        ),
        "tuning": RunContents(documents={"cv_results.json": [{"max_depth": 3, "auc": 0.71}]}),
    }
    return CandidateLog(**{**made, **changes})


def artifact(folder: Path, signer: Signer, **changes: Any) -> Path:
    made = {
        "model": boosted_model(),
        "provenance": provenance(),
        "golden_rows": golden_rows(),
        "signer": signer,
    }
    save_model(folder, **{**made, **changes})
    return folder


def prepared_night(**changes: Any) -> PreparedNight:
    snapshot = SnapshotRef(
        sha256="5" * 64,
        uri="file:///snapshots/5",
        rows=900,
        bads=290,
        indeterminate=3,
        immature=40,
        development=DEVELOPMENT,
        holdout=HOLDOUT,
        holdout_sha256="7" * 64,
    )
    return PreparedNight(
        request=NightRequest(model="credit_risk", as_of=date(2024, 10, 1)),
        status=NightStatus.READY,
        reasons=(),
        data=DataVerdict(result="pass", checks_run=12),
        spec_sha256="6" * 64,
        snapshot=snapshot,
    ).replace(**changes)


def night_decision(**changes: Any) -> NightDecision:
    return NightDecision(
        model="credit_risk",
        as_of=date(2024, 10, 1),
        status=NightStatus.READY,
        decision=Decision.HOLD,
        reasons=("z 1.2 is below 2.71",),
        data_result="pass",
    ).replace(**changes)
