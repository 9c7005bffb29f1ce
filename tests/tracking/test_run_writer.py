from __future__ import annotations

import json
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.tracking.client import find_experiment, open_client
from finrisk.tracking.run_writer import LONGEST_PARAM, RunContents, names_for, write_run


def test_contents_of_any_size_are_written_whole(settings: Settings, tmp_path: Path) -> None:
    client = open_client(settings)
    run_id = client.create_run(find_experiment(client, settings)).info.run_id
    contents = RunContents(
        params={f"p{n}": n for n in range(230)} | {"long": "x" * 9000, "steps[0]": None},
        metrics={f"m{n}": float(n) for n in range(1100)} | {"nan": float("nan"), "none": None},
        documents={"config.json": {"cutoff": 0.3, "odd": Path("x")}},
        pages={"report.html": "<p>äöü</p>"},
        pictures={"roc": b"PNG"},
    )

    write_run(client, run_id, contents)

    data = client.get_run(run_id).data
    assert len(data.params) == 232
    assert len(data.params["long"]) == LONGEST_PARAM
    assert data.params["steps_0_"] == "None"
    assert len(data.metrics) == 1100
    folder = Path(client.download_artifacts(run_id, "", str(tmp_path)))
    assert json.loads((folder / "config.json").read_text()) == {"cutoff": 0.3, "odd": "x"}
    assert (folder / "report.html").read_text(encoding="utf-8") == "<p>äöü</p>"
    assert (folder / "pictures" / "roc.png").read_bytes() == b"PNG"


@pytest.mark.parametrize("contents", [RunContents(), RunContents(params={"a": 1})])
def test_nothing_to_upload_uploads_nothing(settings: Settings, contents: RunContents) -> None:
    client = open_client(settings)
    run_id = client.create_run(find_experiment(client, settings)).info.run_id

    write_run(client, run_id, contents)

    assert client.list_artifacts(run_id) == []


def test_a_document_whose_name_leads_out_of_the_run_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    client = open_client(settings)
    run_id = client.create_run(find_experiment(client, settings)).info.run_id

    for name in ("../escaped.json", str(tmp_path / "escaped.json")):
        with pytest.raises(ConfigurationError, match="leads out of the run"):
            write_run(client, run_id, RunContents(documents={name: 1}))

    assert list(tmp_path.iterdir()) == []


def test_names_that_mlflow_would_confuse_stay_apart() -> None:
    named = names_for(["a@b", "a#b", "a_b", "../x//y", "", 1, "k" * 300])

    assert named["a_b"] == "a_b"
    assert len(set(named.values())) == len(named)
    assert named["../x//y"] == "x/y"
    assert max(map(len, named.values())) <= 250
