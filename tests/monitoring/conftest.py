from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home that the environment names, as a user's would."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINRISK_HOME", str(folder))
        patch.setenv("FINRISK_THREADS", "1")
        patch.chdir(folder)
        yield folder
