from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected, ConfigurationError, UnknownRun, Unreachable
from finrisk.records import TrainedCandidate
from finrisk.tracking.browsing import RunBrowser, SearchBrowser, TableBrowser
from finrisk.tracking.client import find_experiment, open_client
from finrisk.tracking.looking import MlflowLooker
from finrisk.tracking.registry import VersionRegistry
from finrisk.tracking.run_files import MOST_BYTES
from finrisk.tracking.run_writer import RunContents
from finrisk.tracking.wanted_runs import RunKind, Wanted, search_text
from tests.dashboard.run_worlds import fill_with_runs, log_run, png
from tests.services.stores import OF_THIS_PROCESS, mlflow_artifacts, mlflow_database

BEFORE_MANY = int(OF_THIS_PROCESS, 16) << 64  # others may have filled the same server
HAND = {"finrisk.model": "my forest", "experiment_type": "model_training", "algorithm": "forest"}
NIGHT = {"finrisk.model": "loans", "finrisk.role": "night"}
TUNING = {"finrisk.model": "loans", "experiment_type": "hyperparameter_tuning", "algorithm": "xgb"}
CANDIDATE = {"finrisk.model": "loans", "experiment_type": "nightly_retraining", "algorithm": "xgb"}
RUNS: dict[str, tuple[dict[str, str], dict[str, float]]] = {
    "loans_2025-01-05": (NIGHT, {"difference": 0.01}),
    "Credit_risk_xgb_1": (CANDIDATE, {"auc": 0.7, "other": 1.0}),
    "tuning_xgb": (TUNING, {"search_best": 0.8}),
    "by hand, über": (HAND, {"auc": 0.9}),
    "credit-risk_xgb_2": (CANDIDATE, {"auc": float("nan")}),
    "somebody else's": ({}, {"auc": 0.8}),
}


def fresh_experiment(settings: Settings) -> str:
    fresh = settings.model_copy(update={"experiment_name": f"browse-{uuid4().hex}"})
    return find_experiment(open_client(fresh), fresh)


@pytest.fixture(scope="module")
def experiment(settings: Settings) -> str:
    """Six runs, an hour apart, and one that was deleted."""
    client = open_client(settings)
    made = fresh_experiment(settings)
    for number, (name, (own, metrics)) in enumerate([*RUNS.items(), ("deleted", (NIGHT, {}))], 1):
        run = client.create_run(made, run_name=name, start_time=number * 3_600_000, tags=own)
        for metric, value in metrics.items():
            client.log_metric(run.info.run_id, metric, value)
        if name != "tuning_xgb":
            client.set_terminated(run.info.run_id, end_time=number * 3_600_000 + 5000)
        if name == "deleted":
            client.delete_run(run.info.run_id)
    return made


@pytest.fixture(scope="module")
def many(settings: Settings) -> str:
    """A hundred and twenty runs."""
    made = fresh_experiment(settings)
    fill_with_runs(mlflow_database(settings.tracking_uri), made, runs=120, after=BEFORE_MANY)
    return made


@pytest.fixture(params=["tables", "search"])
def browser(request: pytest.FixtureRequest, settings: Settings) -> RunBrowser:
    """Both ways to the pages: every test holds for each."""
    if request.param == "tables":
        return TableBrowser(mlflow_database(settings.tracking_uri))
    return SearchBrowser(open_client(settings))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), list(RUNS)[::-1]),
        (Wanted(ascending=True), list(RUNS)),
        (Wanted(model="loans"), ["credit-risk_xgb_2", "tuning_xgb", "Credit_risk_xgb_1",
                                 "loans_2025-01-05"]),
        (Wanted(model="my forest"), ["by hand, über"]),
        (Wanted(kind=RunKind.NIGHT), ["loans_2025-01-05"]),
        (Wanted(kind=RunKind.BY_HAND), ["by hand, über"]),
        (Wanted(kind=RunKind.CANDIDATE, model="loans", algorithm="xgb"),
         ["credit-risk_xgb_2", "Credit_risk_xgb_1"]),
        (Wanted(kind=RunKind.MONITORING), []),
        (Wanted(status="RUNNING"), ["tuning_xgb"]),
        (Wanted(text="credit_risk"), ["credit-risk_xgb_2", "Credit_risk_xgb_1"]),
        (Wanted(text="RISK_XGB_2"), ["credit-risk_xgb_2"]),
        (Wanted(text="2025-01-05"), ["loans_2025-01-05"]),
        (Wanted(text="zzz"), []),
        (Wanted(since_ms=2 * 3_600_000, before_ms=4 * 3_600_000),
         ["tuning_xgb", "Credit_risk_xgb_1"]),
        (Wanted(metric="auc"), ["by hand, über", "somebody else's", "Credit_risk_xgb_1",
                                "credit-risk_xgb_2", "tuning_xgb", "loans_2025-01-05"]),
        (Wanted(metric="auc", ascending=True, kind=RunKind.CANDIDATE),
         ["Credit_risk_xgb_1", "credit-risk_xgb_2"]),
    ],
)  # fmt: skip
def test_runs_are_narrowed_and_ordered(
    browser: RunBrowser, experiment: str, wanted: Wanted, names: Sequence[str]
) -> None:
    assert [run.name for run in browser.page(experiment, wanted).runs] == list(names)


def test_a_run_tells_its_kind_when_it_was_and_its_finite_metrics(
    browser: RunBrowser, experiment: str
) -> None:
    found = {run.name: run for run in browser.page(experiment, Wanted()).runs}

    kinds = [found[name].kind for name in ("tuning_xgb", "by hand, über", "somebody else's")]
    assert kinds == [RunKind.TUNING, RunKind.BY_HAND, RunKind.OTHER]
    assert (found["Credit_risk_xgb_1"].started_ms, found["Credit_risk_xgb_1"].ended_ms) == (
        7_200_000,
        7_205_000,
    )
    assert found["tuning_xgb"].ended_ms is None
    assert found["Credit_risk_xgb_1"].metrics == {"auc": 0.7}
    assert found["credit-risk_xgb_2"].metrics == {}
    assert found["loans_2025-01-05"].tags == NIGHT


@pytest.mark.parametrize(
    "wanted",
    [
        *(Wanted(text=text) for text in (
            "x' OR attributes.status = 'FAILED", "50%", "100 % sure", 'a"b', "a`b", "a\\", "(a)",
            "a\nb", "x" * 121,
        )),
        Wanted(model="x' or 'a' = 'a"),
        Wanted(algorithm="x'"),
        Wanted(model="back\\slash"),
        Wanted(status="'"),
        Wanted(metric="auc` DESC, metrics.`x"),
    ],
)  # fmt: skip
def test_what_could_mean_anything_else_to_mlflow_is_refused(
    browser: RunBrowser, experiment: str, wanted: Wanted
) -> None:
    with pytest.raises(ConfigurationError):
        browser.page(experiment, wanted)


@pytest.mark.parametrize("name", ['50 % "sure"', "a.b", "ünï", "x; DROP TABLE runs"])
def test_a_model_of_any_registered_name_is_found(
    browser: RunBrowser, settings: Settings, name: str
) -> None:
    client = open_client(settings)
    own = fresh_experiment(settings)
    for model in (name, "another"):
        client.create_run(own, run_name=model, tags={"finrisk.model": model})

    assert [run.name for run in browser.page(own, Wanted(model=name)).runs] == [name]


def test_pages_hold_every_run_once(browser: RunBrowser, many: str) -> None:
    wanted = Wanted(metric="auc", ascending=True)
    pages = [browser.page(many, wanted)]
    while pages[-1].following:
        pages.append(browser.page(many, wanted, pages[-1].following))

    assert [len(page.runs) for page in pages] == [50, 50, 20]
    assert [run.run_id for page in pages for run in page.runs] == [
        f"{BEFORE_MANY + number:032x}" for number in range(1, 121)
    ]


def test_a_database_counts_and_names_every_page(settings: Settings, many: str) -> None:
    tables, client = TableBrowser(mlflow_database(settings.tracking_uri)), open_client(settings)

    page = tables.page(many, Wanted(algorithm="xgboost"))

    assert page.total == 40
    assert tables.page(many, Wanted()).tokens == ("0", "50", "100")
    assert SearchBrowser(client).page(many, Wanted()).total is None


def test_runs_are_found_by_their_ids(browser: RunBrowser, many: str) -> None:
    asked = [*(f"{BEFORE_MANY + number:032x}" for number in (1, 7)), "f" * 32, "x' or 'a' = 'a"]

    found = browser.of_runs(many, asked)

    assert sorted(run.run_id for run in found) == asked[:2]
    assert browser.of_runs(many, []) == []


def test_algorithms_are_named_where_that_is_cheap(settings: Settings, many: str) -> None:
    named = TableBrowser(mlflow_database(settings.tracking_uri)).algorithms(many)

    assert named == ["logistic_regression", "random_forest", "xgboost"]
    assert SearchBrowser(open_client(settings)).algorithms(many) == []


def test_a_search_text_has_as_many_quotes_as_values() -> None:
    said = search_text(Wanted(model='a "b"', kind=RunKind.TUNING, status="FAILED", text="x y"))

    assert said.count("'") == 2 * 4


# one run, and the files of it


@pytest.fixture(scope="module")
def own_scope(settings: Settings) -> Settings:
    return settings.in_scope("looked-at")


@pytest.fixture(scope="module")
def looker(own_scope: Settings) -> MlflowLooker:
    return MlflowLooker(own_scope)


@pytest.fixture(scope="module")
def run_id(own_scope: Settings) -> str:
    contents = RunContents(
        params={"depth": 3},
        metrics={"auc": 0.7},
        documents={"data.json": {"a": 1}},
        pictures={
            "roc": png(10, 10),
            "bomb": png(60_000, 60_000, whole=False),
            "fake": b"<svg onload=alert(1)>",
            "large": png() + b"x" * MOST_BYTES,
        },
        pages={"page.html": "<p>"},
    )
    return log_run(own_scope, "looked at", contents, **CANDIDATE)


def folder_of(settings: Settings, run_id: str) -> Path:
    (folder,) = mlflow_artifacts(settings.artifacts).glob(f"**/{run_id}/artifacts")
    return folder


def test_a_run_says_all_it_holds(looker: MlflowLooker, run_id: str) -> None:
    found = looker.whole_run(run_id)

    assert (found.run.name, found.params, found.metrics) == (
        "looked at", {"depth": "3"}, {"auc": 0.7},
    )  # fmt: skip
    assert found.tags["algorithm"] == "xgb"
    assert [file.path for file in looker.files(run_id) if file.is_document] == ["data.json"]


def test_a_picture_and_a_document_are_read(looker: MlflowLooker, run_id: str) -> None:
    assert looker.read_file(run_id, "pictures/roc.png") == png(10, 10)
    assert looker.read_file(run_id, "data.json").startswith(b"{")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("pictures/bomb.png", "pixels"),
        ("pictures/fake.png", "PNG"),
        ("pictures/large.png", "bytes"),
        ("page.html", "picture or a document"),
        ("pictures/none.png", "no such file"),
        ("../../../keys/signing.json", "no such file"),
    ],
)
def test_what_a_browser_should_not_get_is_refused(
    looker: MlflowLooker, run_id: str, path: str, why: str
) -> None:
    with pytest.raises(ArtifactRejected, match=why):
        looker.read_file(run_id, path)


def test_a_link_out_of_the_runs_folder_is_not_followed(
    looker: MlflowLooker, own_scope: Settings, run_id: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.json").write_text("{}")
    link = folder_of(own_scope, run_id) / "linked.json"
    link.symlink_to(tmp_path / "secret.json")

    with pytest.raises(ArtifactRejected, match="another place"):
        looker.read_file(run_id, "linked.json")
    link.unlink()


def test_a_run_whose_files_are_said_to_be_elsewhere_is_not_read(
    own_scope: Settings, looker: MlflowLooker, tmp_path: Path
) -> None:
    told = log_run(own_scope, "elsewhere", RunContents(documents={"a.json": {}}))
    (tmp_path / "a.json").write_text("{}")
    engine = create_engine(mlflow_database(own_scope.tracking_uri))
    with engine.begin() as database:
        database.execute(
            text("UPDATE runs SET artifact_uri = :uri WHERE run_uuid = :id"),
            {"uri": tmp_path.as_uri(), "id": told},
        )
    engine.dispose()

    with pytest.raises(ArtifactRejected, match="another place"):
        looker.read_file(told, "a.json")


def test_a_run_of_another_experiment_is_unknown(
    looker: MlflowLooker, settings: Settings, run_id: str, experiment: str
) -> None:
    other = (
        TableBrowser(mlflow_database(settings.tracking_uri))
        .page(experiment, Wanted())
        .runs[0]
        .run_id
    )

    for unknown in (other, "f" * 32, "../x"):
        with pytest.raises(UnknownRun):
            looker.whole_run(unknown)
        with pytest.raises(UnknownRun):
            looker.files(unknown)


# a registered model


def test_a_registered_model_tells_aliases_and_versions_in_a_range(
    settings: Settings, registry: VersionRegistry, trained: TrainedCandidate
) -> None:
    name = f"shown-{uuid4().hex}"
    for key in ("a", "b", "c"):
        registry.register(name, trained, model="loans", idem_key=key, description=f"as {key}")
    registry.set_alias(name, "production", 2)

    found = MlflowLooker(settings).registered(name, 2, 9)

    assert found.there
    assert found.aliases == {"production": 2}
    assert {number: one.description for number, one in found.versions.items()} == {
        3: "as c", 2: "as b",
    }  # fmt: skip
    assert found.versions[2].run_id == trained.run_id


def test_a_registered_model_that_is_not_there_is_said_so(settings: Settings) -> None:
    assert not MlflowLooker(settings).registered("nobody registered", 1, 9).there


def test_looking_makes_no_store(tmp_path: Path) -> None:
    looker = MlflowLooker(Settings(home=tmp_path, actor="x"))

    assert looker.page(Wanted()).runs == ()
    assert looker.algorithms() == []
    assert not looker.registered("loans", 1, 9).there
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_said_so_without_retries(
    tmp_path: Path, refusing_port: int
) -> None:
    settings = Settings(
        home=tmp_path, tracking_uri=f"http://127.0.0.1:{refusing_port}", actor="x",
        remote_retries=10,
    )  # fmt: skip

    with pytest.raises(Unreachable, match="does not answer"):
        MlflowLooker(settings).page(Wanted())
    with pytest.raises(Unreachable, match="does not answer"):
        MlflowLooker(settings).registered("loans", 1, 9)
