from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from finrisk.config import load_settings
from finrisk.setting_up import initialise
from tests.services.stores import served_environment


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home that the environment names, as a user's would; servers, where some are."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINRISK_HOME", str(folder))
        patch.setenv("FINRISK_THREADS", "1")
        patch.chdir(folder)
        served = served_environment()
        for variable, value in served.items():
            patch.setenv(variable, value)
        if served:
            initialise(load_settings())
        yield folder
