"""One night's MLflow runs, written again for other nights: the rows themselves, in bulk.

What MLflow's client logs in a second a candidate, a database takes in a millisecond. The rows of a
real night are read as they are and written with other ids, moments and figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, MetaData, Table, create_engine, event, func, select, text

Row = dict[str, Any]
METRICS, PARAMS = 40, 20  # of a candidate's run: those of a night, and more of their kind
KEPT = frozenset({"artifact_uri", "artifact_location", "storage_location"})  # real folders
MOMENTS = frozenset(
    {
        "start_time",
        "end_time",
        "timestamp",
        "creation_timestamp_ms",
        "last_updated_timestamp_ms",
        "metric_timestamp_ms",
    }
)
VALUES = {
    "metrics": ("key", "value"),
    "latest_metrics": ("key", "value"),
    "logged_model_metrics": ("metric_name", "metric_value"),
}
OF_RUN = {
    "latest_metrics": "run_uuid",
    "metrics": "run_uuid",
    "params": "run_uuid",
    "tags": "run_uuid",
    "logged_models": "source_run_id",
    "logged_model_metrics": "run_id",
}
OF_MODEL = ("logged_model_tags",)
SHARED = "datasets"
STAMP = re.compile(r"\d{8}_\d{6}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model's files that are there, and the digests its version is known by."""

    location: str
    artifact_sha256: str
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class Cloned:
    """What a night's runs are to be: whose, when, how much better, which challenger's files."""

    model: str
    day: date
    at: datetime
    shift: float
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class NightRows:
    """Every row that MLflow holds of one night, by table, and the text in them that names it."""

    rows: dict[str, list[Row]]
    model: str
    day: date
    began_ms: int
    night_run: str
    winner_run: str
    winner_model: str
    names: re.Pattern[str]

    def again(self, asked: Cloned) -> tuple[dict[str, str], Iterator[tuple[str, list[Row]]]]:
        """Return the new names of the old ones, and the rows table by table.

        The snapshot stays what it was: its rows are there.
        """
        key = f"{asked.model} {asked.day}"
        new = {self.model: asked.model, self.day.isoformat(): asked.day.isoformat()}
        later_ms = int(asked.at.timestamp() * 1000) - self.began_ms

        def renamed(found: re.Match[str]) -> str:
            old = found[0]
            if old not in new:
                new[old] = _new_name(old, key, asked.at)
            return new[old]

        def of(table: str) -> list[Row]:
            return [self._row(table, row, renamed, later_ms, asked) for row in self.rows[table]]

        for name in (self.night_run, self.winner_run, self.winner_model):
            self.names.sub(renamed, name)
        return new, ((table, of(table)) for table in self.rows if table != SHARED)

    def _row(self, table: str, row: Row, renamed: Any, later_ms: int, asked: Cloned) -> Row:
        made = {
            name: self.names.sub(renamed, cell)
            if isinstance(cell, str) and name not in KEPT
            else cell + later_ms
            if name in MOMENTS and cell is not None
            else cell
            for name, cell in row.items()
        }
        if table in VALUES:
            value = row[VALUES[table][1]]
            if 0.0 < value < 1.0:
                made[VALUES[table][1]] = min(max(value + asked.shift, 0.0), 1.0)
        if row.get("model_id") == self.winner_model:
            _with_artifact(made, asked.artifact)
        return made


def _new_name(old: str, key: str, at: datetime) -> str:
    if STAMP.fullmatch(old):
        return f"{at:%Y%m%d_%H%M%S}"
    fresh = sha256(f"{old} {key}".encode()).hexdigest()
    return f"m-{fresh[:32]}" if old.startswith("m-") else fresh[: len(old)]


def _with_artifact(made: Row, artifact: Artifact) -> None:
    if "artifact_location" in made:
        made["artifact_location"] = artifact.location
    elif made.get("tag_key") in ("finrisk.artifact_sha256", "finrisk.manifest_sha256"):
        made["tag_value"] = getattr(artifact, made["tag_key"].removeprefix("finrisk."))


class Store:
    """MLflow's tables in one database, without MLflow."""

    def __init__(self, uri: str) -> None:
        self._engine = create_engine(uri)
        event.listen(self._engine, "connect", _in_haste)
        self._tables = MetaData()
        self._tables.reflect(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def table(self, name: str) -> Table:
        return self._tables.tables[name]

    def read(self, connection: Connection, name: str, **where: Any) -> list[Row]:
        table = self.table(name)
        wanted = select(table)
        for column, values in where.items():
            wanted = wanted.where(table.c[column].in_(values))
        return [dict(row) for row in connection.execute(wanted).mappings()]

    def night(self, model: str, day: date, winner_run: str) -> NightRows:
        """Read a night's runs, and all that hangs on them."""
        with self._engine.connect() as database:
            found = self.read(database, "tags", key=["finrisk.as_of"], value=[day.isoformat()])
            runs = [row["run_uuid"] for row in found]
            rows = {"runs": self.read(database, "runs", run_uuid=runs)}
            for name, column in OF_RUN.items():
                rows[name] = self.read(database, name, **{column: runs})
            models = [row["model_id"] for row in rows["logged_models"]]
            for name in OF_MODEL:
                rows[name] = self.read(database, name, model_id=models)
            inputs = self.read(database, "inputs", destination_id=[*runs, *models])
            rows["inputs"] = inputs
            input_ids = [row["input_uuid"] for row in inputs]
            rows["input_tags"] = self.read(database, "input_tags", input_uuid=input_ids)
            datasets = [row["source_id"] for row in inputs if row["source_type"] == "DATASET"]
            rows[SHARED] = self.read(database, SHARED, dataset_uuid=datasets)
        _pad(rows)
        ids = [*runs, *models, *input_ids]
        (night_run,) = (r["run_uuid"] for r in rows["runs"] if r["name"] == f"{model}_{day}")
        keys = [row["value"] for row in rows["tags"] if row["key"] == "finrisk.run_key"]
        stamps = {stamp for row in rows["runs"] for stamp in STAMP.findall(row["name"])}
        names = [*ids, *keys, *stamps, model]
        return NightRows(
            rows=rows,
            model=model,
            day=day,
            began_ms=min(row["start_time"] for row in rows["runs"]),
            night_run=night_run,
            winner_run=winner_run,
            winner_model=next(
                row["model_id"]
                for row in rows["logged_models"]
                if row["source_run_id"] == winner_run
            ),
            names=re.compile("|".join(map(re.escape, [*names, day.isoformat()]))),
        )

    def artifacts(self) -> list[Artifact]:
        """Return the models whose files are there."""
        with self._engine.connect() as database:
            tags: dict[str, Row] = {}
            for row in self.read(database, "logged_model_tags"):
                tags.setdefault(row["model_id"], {})[row["tag_key"]] = row["tag_value"]
            return [
                Artifact(
                    row["artifact_location"],
                    tags[row["model_id"]]["finrisk.artifact_sha256"],
                    tags[row["model_id"]]["finrisk.manifest_sha256"],
                )
                for row in self.read(database, "logged_models")
            ]

    def write(self, rows: Mapping[str, list[Row]]) -> None:
        """Add rows, in the tables' order of dependence."""
        with self._engine.begin() as database:
            for table in self._tables.sorted_tables:
                if rows.get(table.name):
                    database.execute(table.insert(), rows[table.name])

    def settle(self) -> None:
        """Put what the log of writes holds into the file, as a server does that closes."""
        with self._engine.connect() as database:
            database.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def counts(self) -> dict[str, int]:
        names = ("runs", "metrics", "params", "tags", "logged_models", "model_versions")
        with self._engine.connect() as database:
            asked = {name: select(func.count()).select_from(self.table(name)) for name in names}
            return {f"mlflow_{name}": database.scalar(asked[name]) or 0 for name in names}


def registered(
    name: str, model: str, versions: list[tuple[int, Row, datetime]], aliases: dict[str, int]
) -> dict[str, list[Row]]:
    """Return a registered model's rows.

    Parameters
    ----------
    versions : list of (int, dict, datetime)
        Number; the ledger's record of it as JSON, with ``location`` of its files; when.
    """
    rows: dict[str, list[Row]] = {"model_versions": [], "model_version_tags": []}
    for number, of, at in versions:
        moment = int(at.timestamp() * 1000)
        rows["model_versions"].append(
            {
                "name": name,
                "version": number,
                "creation_time": moment,
                "last_updated_time": moment,
                "description": f"xgb as of {at:%Y-%m-%d}",
                "current_stage": "None",
                "source": of["model_uri"],
                "run_id": of["run_id"],
                "status": "READY",
                "storage_location": of["location"],
                "workspace": "default",
            }
        )
        tags = {
            "finrisk.idem_key": sha256(f"register {name} {number}".encode()).hexdigest(),
            "finrisk.model": model,
            "finrisk.artifact_sha256": of["artifact_sha256"],
            "finrisk.manifest_sha256": of["manifest_sha256"],
        }
        rows["model_version_tags"] += [
            {"key": key, "value": value, "name": name, "version": number, "workspace": "default"}
            for key, value in tags.items()
        ]
    first, last = (int(versions[end][2].timestamp() * 1000) for end in (0, -1))
    rows["registered_models"] = [
        {
            "name": name,
            "creation_time": first,
            "last_updated_time": last,
            "description": None,
            "workspace": "default",
        }
    ]
    rows["registered_model_aliases"] = [
        {"alias": alias, "version": number, "name": name, "workspace": "default"}
        for alias, number in aliases.items()
    ]
    return rows


def _pad(rows: dict[str, list[Row]]) -> None:
    """Give each candidate's run as many metrics and parameters as a large model's has."""
    candidates = {r["run_uuid"] for r in rows["tags"] if r["key"] == "finrisk.candidate"}
    for run in sorted(candidates):
        for table in ("metrics", "latest_metrics"):
            _pad_to(rows[table], run, METRICS, lambda n: {"key": f"psi.feature_{n:02d}"})
        _pad_to(rows["params"], run, PARAMS, lambda n: {"key": f"model.parameter_{n:02d}"})


def _pad_to(rows: list[Row], run: str, wanted: int, named: Any) -> None:
    own = [row for row in rows if row["run_uuid"] == run]
    rows += [own[0] | named(number) for number in range(wanted - len(own))]


def _in_haste(connection: Any, _: Any) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = OFF", "foreign_keys = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def utc(day: date, *, hour: int = 2, minute: int = 0) -> datetime:
    """Return a moment of a day."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
