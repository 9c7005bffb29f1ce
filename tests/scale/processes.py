"""A Dask cluster of programs, as somebody would start them; nobody starts again what is killed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from deploy.topology import free_port

DASK = Path(sys.executable).with_name("dask")


@dataclass
class Cluster:
    """A scheduler and two workers as somebody would start them, always at one address."""

    log: Path
    port: int = field(default_factory=free_port)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._dask("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")
        for _ in range(2):
            self._dask("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny")

    def kill_scheduler(self) -> None:
        self.running[0].kill()

    def kill_workers(self) -> None:
        for process in self.running[1:]:
            process.kill()

    def kill(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()
        self.running.clear()

    def _dask(self, *words: str) -> None:
        with self.log.open("ab") as log:
            self.running.append(subprocess.Popen([str(DASK), *words], stdout=log, stderr=log))
