"""Run docker-compose.yaml without a container engine: each service as a process on loopback.

    python -m deploy.topology HOME        starts everything, prints where it is, stops at Ctrl-C

Each service's own command, environment, secrets and health check are used, started in the order of
its ``depends_on``; so that the file cannot rot. What is not of ours comes from installed programs;
a service whose program is not on this machine is named as not run. Not shown by this: the image's
build, its user, networks, read-only roots and restarts.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from deploy import make_secrets
from deploy.compose_file import ComposeFile, Service, read_compose
from deploy.embedded import processes
from deploy.embedded.processes import Running
from deploy.embedded.stack import undisturbed
from deploy.on_this_machine import LOOPBACK, Place, place
from deploy.postgres_process import POSTGRES, postgres_command

REPOSITORY = Path(__file__).resolve().parents[1]
COMPOSE = REPOSITORY / "docker-compose.yaml"
HEALTHY_SECONDS = 300.0
POLL_SECONDS = 0.5
CHECK_SECONDS = 60.0
OTHER_NAMES = {"alertmanager": ("alertmanager", "prometheus-alertmanager")}  # Debian's
# A task that runs still has to report: servers of others end last.
LAST = ("airflow-api-server", "mlflow", "redis", "postgres")

Tell = Callable[[str], None]


class TopologyError(RuntimeError):
    """The topology did not come up; the message ends with the log that says why."""


@dataclass
class Topology:
    """Services as processes.

    Parameters
    ----------
    home : Path
        Everything is below it.
    variables : mapping of str to str
        What ``.env`` would say, beside free ports and the folder of secrets.
    """

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.home.resolve()
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o711)  # PostgreSQL runs as another user, and must reach its folder
        make_secrets.make_secrets(self.home / "secrets")
        published = ("AIRFLOW", "MLFLOW", "SCORING", "DASHBOARD", "GRAFANA")
        said = {f"{name}_PORT": str(free_port()) for name in published}
        said |= {"FINRISK_UID": str(os.getuid()), "FINRISK_GID": str(os.getgid())}
        said |= {"FINRISK_SECRETS": str(self.home / "secrets"), **self.variables}
        self.compose: ComposeFile = read_compose(COMPOSE, said)
        self.ports = {
            (name, port): service.published.get(port) or free_port()
            for name, service in self.compose.services.items()
            for port in service.ports
        }
        self._own_ports = self._ports_of_further_instances()
        self._given_up = Event()
        self.running: dict[str, Running] = {}
        self.healthy: dict[str, float] = {}
        self.places: dict[str, Place] = {}
        for name, service in self.compose.services.items():
            for instance in instances_of(service):
                self.places[instance] = place(
                    self.compose,
                    self.compose.services[name],
                    instance,
                    home=self.home,
                    repository=REPOSITORY,
                    ports=self.ports | self._own_ports.get(instance, {}),
                )

    @property
    def not_run(self) -> tuple[str, ...]:
        """Services whose program is not on this machine."""
        return tuple(
            name
            for name, service in self.compose.services.items()
            if service.image.partition(":")[0] != POSTGRES
            and (not service.command or program(service.command[0]) is None)
        )

    def address(self, name: str, port: int | None = None) -> str:
        """Return where a service listens."""
        inside = self.compose.services[name].ports[0] if port is None else port
        return f"http://{LOOPBACK}:{self.ports[name, inside]}"

    def secret(self, name: str) -> str:
        """Return a secret."""
        return self.compose.secrets[name].read_text(encoding="utf-8")

    def volume(self, name: str) -> Path:
        """Return a volume's folder."""
        return self.home / "volumes" / name

    def instances(self, name: str) -> list[str]:
        """Return a service's instances."""
        return list(instances_of(self.compose.services[name]))

    def start_all(self, tell: Tell = lambda _: None) -> None:
        """Start each service once what it waits for is healthy; return when all are.

        Raises
        ------
        TopologyError
            A process ended, or is not healthy in time; with the end of its log.
        """
        began = time.monotonic()
        wanted = [one for one in self.places if self.places[one].service.name not in self.not_run]
        waited_for: dict[str, Future[None]] = {}
        self._given_up.clear()
        with ThreadPoolExecutor(len(wanted)) as at_once:
            try:
                while len(self.healthy) < len(wanted):
                    for one in wanted:
                        if one not in self.running and self._may_start(self.places[one].service):
                            self.start(one)
                            give_up = began + HEALTHY_SECONDS
                            waited_for[one] = at_once.submit(self._wait, one, give_up)
                    for one, waiting in waited_for.items():
                        if waiting.done() and one not in self.healthy:
                            waiting.result()
                            self.healthy[one] = time.monotonic() - began
                            tell(f"{one} after {self.healthy[one]:.0f} s")
                    time.sleep(POLL_SECONDS / 5)
            finally:
                self._given_up.set()  # else the threads would wait for services that never come

    def start(self, instance: str) -> Running:
        """Start one instance."""
        at = self.places[instance]
        environment = self.environment(instance)
        if at.service.image.partition(":")[0] == POSTGRES:
            command = postgres_command(at, environment)
        else:
            words = [at.argument(word) for word in at.service.command]
            command = [program(words[0]) or words[0], *words[1:]]
        self.running[instance] = processes.start(
            instance,
            ["/usr/bin/env", "-C", str(REPOSITORY), *command],
            environment,
            run=self.home / "run",
            logs=self.home / "logs",
        )
        return self.running[instance]

    def environment(self, instance: str) -> dict[str, str]:
        """Return what an instance has in its environment: what a container would, no more."""
        at = self.places[instance]
        own = {name: at.value(name, value) for name, value in at.service.environment.items()}
        base = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(self.home / "instances" / instance),
            "HOSTNAME": instance,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
        }
        return base | own

    def check(self, instance: str) -> subprocess.CompletedProcess[str]:
        """Run an instance's own health check."""
        at = self.places[instance]
        words = [at.argument(word) for word in at.service.healthcheck]
        return self._beside(instance, words, CHECK_SECONDS)

    def run(self, instance: str, *command: str) -> str:
        """Run a command beside an instance, as ``docker compose exec`` would; return what it said.

        Raises
        ------
        TopologyError
            Its exit status is not 0.
        """
        words = [sys.executable, "-m", "deploy.with_secrets", *command]
        done = self._beside(instance, words, HEALTHY_SECONDS)
        if done.returncode:
            raise TopologyError(f"{' '.join(command)}: {done.returncode}\n{done.stderr[-3000:]}")
        return done.stdout

    def stop(self, *instances: str) -> None:
        """Stop instances and everything they started."""
        processes.stop([self.running.pop(one) for one in instances], run=self.home / "run")

    def stop_all(self) -> None:
        """Stop everything, in order; safe to repeat."""
        first = [one for one in self.running if self.places[one].service.name not in LAST]
        self.stop(*first)
        for name in LAST:
            self.stop(*[one for one in self.running if self.places[one].service.name == name])

    def _beside(
        self, instance: str, words: Sequence[str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            env=self.environment(instance),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def _ports_of_further_instances(self) -> dict[str, dict[tuple[str, int], int]]:
        """Containers of one service each have its ports; processes need their own."""
        return {
            instance: {(name, port): free_port() for port in service.ports}
            for name, service in self.compose.services.items()
            for instance in list(instances_of(service))[1:]
        }

    def _may_start(self, service: Service) -> bool:
        return all(
            one in self.healthy
            for name in service.after
            if name not in self.not_run
            for one in self.instances(name)
        )

    def _wait(self, instance: str, give_up: float) -> None:
        running, service = self.running[instance], self.places[instance].service
        while not self._given_up.is_set():
            if service.once and not running.alive():
                if status := _exit_status(running):
                    raise TopologyError(f"{instance}: status {status}\n{running.tail()}")
                return
            if not running.alive():
                raise TopologyError(f"{instance} ended:\n{running.tail()}")
            if not service.once and self._is_healthy(instance):
                return
            if time.monotonic() > give_up:
                raise TopologyError(f"{instance} is not healthy:\n{running.tail()}")
            time.sleep(POLL_SECONDS)

    def _is_healthy(self, instance: str) -> bool:
        with suppress(subprocess.TimeoutExpired):
            return self.check(instance).returncode == 0
        return False


@contextmanager
def topology(home: Path, variables: Mapping[str, str], tell: Tell) -> Iterator[Topology]:
    """Run everything for the length of the block."""
    made = Topology(home, variables)
    try:
        made.start_all(tell)
        yield made
    finally:
        with undisturbed():
            made.stop_all()


def instances_of(service: Service) -> Sequence[str]:
    """Return the names of a service's instances."""
    if service.replicas == 1:
        return (service.name,)
    return tuple(f"{service.name}-{number + 1}" for number in range(service.replicas))


def program(name: str) -> str | None:
    """Return an installed program, this environment's before any other."""
    own = str(Path(sys.executable).parent)
    for one in OTHER_NAMES.get(name, (name,)):
        if found := shutil.which(one, path=os.pathsep.join([own, os.environ["PATH"]])):
            return found
    return None


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _exit_status(running: Running) -> int:
    _, status = os.waitpid(running.pid, 0)
    return os.waitstatus_to_exitcode(status)


def main(arguments: Sequence[str]) -> int:
    """Run it until Ctrl-C."""
    with topology(Path(arguments[0]), {"WORKERS": "2"}, print) as made:
        for name in made.not_run:
            print(f"not run: {name}; its program is not on this machine")
        for name, service in made.compose.services.items():
            if service.published and name not in made.not_run:
                print(f"{name}: {made.address(name)}")
        print(f"passwords: {made.home / 'secrets'}")
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
