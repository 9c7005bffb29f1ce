"""A scrape: of a full ledger, of an empty one, and of one that is away."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from finrisk.config import Settings
from finrisk.errors import SettingsError
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.pipelines.exporter.collector import LedgerCollector
from finrisk.pipelines.exporter.declared import METRICS, Kind
from finrisk.pipelines.exporter.serving import serving
from finrisk.records import PromotionKind
from tests.ledger.databases import migrated_file, sqlite_url
from tests.ledger.factories import force, version
from tests.pipelines.exporter.filled import FEATURES, SLICES, fill, keep_quality

__all__ = ["migrated_file", "sqlite_url"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODELS = ("credit_risk", "fraud")
Figures = dict[str, dict[frozenset[tuple[str, str]], float]]


@pytest.fixture
def home(sqlite_url: str, tmp_path: Path) -> Path:
    fill(sqlite_url, MODELS, nights=3)
    with Ledger(sqlite_url, "live") as ledger:
        for model in MODELS:
            force(ledger, version(1, model=model), idem_key=f"1 {model}")
            force(ledger, version(2, model=model), idem_key=f"2 {model}")
            back = {"kind": PromotionKind.ROLLBACK, "idem_key": f"3 {model}"}
            force(ledger, version(1, model=model), **back)
    keep_quality(tmp_path / "store", "credit_risk")
    return tmp_path


def collector_of(home: Path, **changes: object) -> LedgerCollector:
    settings = Settings(home=home, **changes)  # type: ignore[arg-type]
    return LedgerCollector(settings, clock=lambda: NOW, patience_seconds=2.0)


def exposed(collector: LedgerCollector) -> str:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def scrape(collector: LedgerCollector) -> Figures:
    found: Figures = {}
    for family in text_string_to_metric_families(exposed(collector)):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def of(figures: Figures, name: str, **labels: str) -> float:
    (value,) = [value for key, value in figures[name].items() if frozenset(labels.items()) <= key]
    return value


@pytest.fixture
def collector(home: Path) -> Iterator[LedgerCollector]:
    made = collector_of(home)
    yield made
    made.close()


def test_every_declared_metric_is_there_once_the_ledger_has_all_there_is(
    collector: LedgerCollector,
) -> None:
    assert {metric.name for metric in METRICS} == set(scrape(collector))


def test_each_metric_has_the_labels_and_the_kind_that_are_declared(
    collector: LedgerCollector,
) -> None:
    declared = {metric.name: metric for metric in METRICS}
    assert "finrisk_feature_psi{" in exposed(collector)
    for family in text_string_to_metric_families(exposed(collector)):
        for sample in family.samples:
            metric = declared[sample.name]
            assert set(sample.labels) == set(metric.labels), sample.name
            assert family.type == ("counter" if metric.kind is Kind.COUNTER else "gauge")


def test_figures_are_those_of_the_ledger(collector: LedgerCollector) -> None:
    found = scrape(collector)

    assert of(found, "finrisk_up", tenant="live") == 1.0
    assert of(found, "finrisk_champion_info", model="fraud", version="1", kind="rollback") == 1.0
    assert of(found, "finrisk_champion_epoch", model="fraud") == 3.0
    assert of(found, "finrisk_rollbacks_total", model="fraud") == 1.0
    assert of(found, "finrisk_promotions_total", model="fraud", kind="forced") == 2.0
    assert of(found, "finrisk_gate_decisions_total", model="fraud", outcome="hold") == 3.0
    assert of(found, "finrisk_nights_held", model="fraud") == 3.0
    assert of(found, "finrisk_nights_missed", model="fraud") == 0.0
    assert of(found, "finrisk_night_duration_seconds", model="fraud") == 41.5
    assert of(found, "finrisk_data_quality_score_ratio", model="credit_risk") == 0.98
    assert of(found, "finrisk_reruns_pending", model="fraud") == 1.0
    assert len(found["finrisk_feature_psi"]) == len(MODELS) * len(FEATURES)


def test_what_nobody_knows_is_absent_and_not_a_zero(collector: LedgerCollector) -> None:
    found = scrape(collector)

    assert not [k for k in found["finrisk_data_quality_score_ratio"] if ("model", "fraud") in k]
    parts = {dict(key)["part"] for key in found["finrisk_data_quality_part_ratio"]}
    assert parts == {"completeness", "validity", "uniqueness"}


def test_no_label_is_a_digest_a_run_or_a_slice(collector: LedgerCollector) -> None:
    text = exposed(collector)

    assert "alert__" not in text
    assert not [name for name in SLICES if name in text]
    words = {value for key in scrape(collector).values() for labels in key for _, value in labels}
    assert FEATURES[0] in words
    assert max(map(len, words)) < 40


def test_a_model_whose_spec_is_gone_keeps_its_history_and_has_no_schedule(home: Path) -> None:
    conf = home / "conf" / "models"
    conf.mkdir(parents=True)
    shutil.copy("conf/models/fraud.yaml", conf)
    collector = collector_of(home)

    found = scrape(collector)

    collector.close()
    assert of(found, "finrisk_champion_epoch", model="credit_risk") == 3.0
    assert {dict(key)["model"] for key in found["finrisk_nights_missed"]} == {"fraud"}


def test_a_broken_spec_is_an_error_of_its_part_and_the_rest_is_there(home: Path) -> None:
    conf = home / "conf" / "models"
    conf.mkdir(parents=True)
    shutil.copy("conf/models/fraud.yaml", conf)
    (conf / "broken.yaml").write_text("name: [")
    collector = collector_of(home)

    found = scrape(collector)
    again = scrape(collector)

    collector.close()
    assert of(found, "finrisk_up") == 1.0
    assert of(found, "finrisk_scrape_errors_total", part="specs") == 1.0
    assert of(again, "finrisk_scrape_errors_total", part="specs") == 2.0
    (conf / "broken.yaml").unlink()


def test_a_report_that_cannot_be_read_is_an_error_and_no_figure(home: Path) -> None:
    (report,) = (home / "store" / "data_quality").rglob("*.json")
    report.write_text("{")
    collector = collector_of(home)

    found = scrape(collector)

    collector.close()
    assert of(found, "finrisk_up") == 1.0
    assert of(found, "finrisk_scrape_errors_total", part="data_quality") == 1.0
    assert "finrisk_data_quality_score_ratio" not in found


def test_a_ledger_that_was_never_set_up_is_down_and_is_not_made_by_looking(tmp_path: Path) -> None:
    collector = collector_of(tmp_path)

    found = scrape(collector)

    collector.close()
    assert of(found, "finrisk_up", tenant="live") == 0.0
    assert of(found, "finrisk_scrape_errors_total", part="ledger") == 1.0
    assert "finrisk_champion_epoch" not in found
    assert not (tmp_path / "ledger.db").exists()


def test_a_ledger_that_goes_away_and_comes_back_is_seen_both_times(home: Path) -> None:
    collector = collector_of(home)
    ledger, aside = home / "ledger.db", home / "aside.db"
    assert of(scrape(collector), "finrisk_up") == 1.0

    ledger.rename(aside)
    gone = scrape(collector)
    migrate(f"sqlite:///{ledger}")  # another one under its name, as after a restore
    back = scrape(collector)

    collector.close()
    assert of(gone, "finrisk_up") == 0.0
    assert of(back, "finrisk_up") == 1.0
    assert "finrisk_champion_epoch" not in back


def test_a_database_that_hangs_costs_one_scrape_its_patience_and_the_next_ones_nothing(
    tmp_path: Path,
) -> None:
    with socket.socket() as silent:  # accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        url = f"postgresql+psycopg://finrisk@127.0.0.1:{port}/ledger"
        settings = Settings(home=tmp_path, ledger_url=url)  # type: ignore[arg-type]
        collector = LedgerCollector(settings, clock=lambda: NOW, patience_seconds=0.2)

        assert of(scrape(collector), "finrisk_up") == 0.0
        began = monotonic()
        assert of(scrape(collector), "finrisk_up") == 0.0

        assert monotonic() - began < 0.2
        collector.close()


def test_of_two_scrapes_at_once_the_second_waits_for_what_the_first_asked(home: Path) -> None:
    reading, go_on = Event(), Event()

    def clock() -> datetime:  # asked in the middle of a reading
        reading.set()
        go_on.wait(10)
        return NOW

    collector = LedgerCollector(Settings(home=home), clock=clock, patience_seconds=10.0)
    with ThreadPoolExecutor(2) as prometheus:
        first = prometheus.submit(scrape, collector)
        assert reading.wait(10)
        second = prometheus.submit(scrape, collector)
        at_once, _ = wait([second], timeout=0.3)
        go_on.set()

        figures = [first.result(10), second.result(10)]

    collector.close()
    assert not at_once
    for found in figures:
        assert of(found, "finrisk_up") == 1.0
        assert of(found, "finrisk_champion_epoch", model="fraud") == 3.0
        assert of(found, "finrisk_scrape_errors_total", part="ledger") == 0.0


def test_who_joins_a_reading_waits_no_longer_than_it_still_may_take(home: Path) -> None:
    reading, go_on = Event(), Event()

    def clock() -> datetime:
        reading.set()
        go_on.wait(10)
        return NOW

    collector = LedgerCollector(Settings(home=home), clock=clock, patience_seconds=1.0)
    with ThreadPoolExecutor(2) as prometheus:
        began = monotonic()
        first = prometheus.submit(scrape, collector)
        assert reading.wait(10)
        wait([first], timeout=0.8)
        joined = prometheus.submit(scrape, collector)

        figures = [first.result(10), joined.result(10)]
        took = monotonic() - began
        go_on.set()

    collector.close()
    assert [of(found, "finrisk_up") for found in figures] == [0.0, 0.0]
    assert took < 0.8 + 1.0, "it had a patience of its own"


def test_it_is_served_over_http_and_a_taken_port_is_said(home: Path) -> None:
    with serving(Settings(home=home), port=0) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics")

        assert "finrisk_up" in answer.text
        assert "process_resident_memory_bytes" in answer.text
        with (
            pytest.raises(SettingsError, match=r"cannot listen.*remedy"),
            serving(Settings(home=home), port=port),
        ):
            pass


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_against_the_metrics(collector: LedgerCollector) -> None:
    linted = subprocess.run(
        ["promtool", "check", "metrics"],
        input=exposed(collector),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")
