"""The advisory scan: its rules by table, and the real pip-audit against a server of OSV's API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.advisories import LOCKS, main
from deploy.advisory_scan import KNOWN_BAD, read_pins, read_report
from deploy.advisory_verdict import (
    Finding,
    ListedException,
    Pin,
    Scan,
    judge,
    read_exceptions,
)
from finrisk.errors import ConfigurationError

REPOSITORY = Path(__file__).resolve().parents[2]
ON = date(2026, 3, 1)
LATER, EARLIER = date(2026, 3, 2), date(2026, 2, 28)
JINJA, IDNA = Pin("jinja2", "2.4.1"), Pin("idna", "3.0")
FOUND = Finding(JINJA, "PYSEC-2014-8", frozenset({"CVE-2014-1402"}), ("2.7.2",))
ALL = frozenset({JINJA, IDNA})
HASH = "--hash=sha256:" + "0" * 64


def exception(**changed: Any) -> ListedException:
    told = {
        "id": "CVE-2014-1402",
        "package": "Jinja2",
        "reason": "No template of ours is cached on disk.",
        "until": ON,
        "who": "A. Keeper",
    }
    return ListedException.model_validate(told | changed)


@pytest.mark.parametrize(
    ("rule", "scan", "exceptions", "status"),
    [
        ("all scanned and nothing known", Scan(ALL), [], 0),
        ("an advisory", Scan(ALL, (FOUND,)), [], 1),
        ("an exception under an alias, on its last day", Scan(ALL, (FOUND,)), [exception()], 0),
        ("its day has passed", Scan(ALL, (FOUND,)), [exception(until=EARLIER)], 1),
        ("its day has passed and nothing is known", Scan(ALL), [exception(until=EARLIER)], 1),
        ("its day has passed and nobody answers", Scan(frozenset()), [exception(until=EARLIER)], 1),
        ("another package's", Scan(ALL, (FOUND,)), [exception(package="idna")], 1),
        ("another advisory's", Scan(ALL, (FOUND,)), [exception(id="CVE-2014-0012")], 1),
        ("one that excuses nothing", Scan(ALL), [exception()], 0),
        ("a package that the service does not know", Scan(frozenset({JINJA})), [], 3),
        ("nobody answers", Scan(frozenset()), [], 3),
        ("an advisory, and a package that is not known", Scan(frozenset({JINJA}), (FOUND,)), [], 1),
        ("excused, and one not known", Scan(frozenset({JINJA}), (FOUND,)), [exception()], 3),
    ],
)
def test_only_a_whole_scan_without_anything_open_is_success(
    rule: str, scan: Scan, exceptions: list[ListedException], status: int
) -> None:
    assert judge(ALL, scan, exceptions, ON).exit_status == status, rule


@pytest.mark.parametrize(
    ("rule", "scan", "stale"),
    [
        ("it excuses something", Scan(ALL, (FOUND,)), False),
        ("nothing is known of its package", Scan(ALL), True),
        ("whether something is known is not known", Scan(frozenset({IDNA})), False),
    ],
)
def test_an_exception_is_stale_only_where_it_is_known_to_excuse_nothing(
    rule: str, scan: Scan, stale: bool
) -> None:
    verdict = judge(ALL, scan, [exception(until=LATER)], ON)

    assert bool(verdict.stale) == stale, rule


def written(path: Path, *entries: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"exceptions": entries}))
    return path


def entry(**changed: Any) -> dict[str, Any]:
    return exception().model_dump(mode="json") | changed


def test_the_shipped_list_of_exceptions_is_one() -> None:
    path = REPOSITORY / "deploy" / "advisories.yaml"

    listed = read_exceptions(path, datetime.now(UTC).date())

    assert len(listed) == path.read_text().count("until:")


def test_a_good_exception_may_reach_half_a_year_ahead(tmp_path: Path) -> None:
    path = written(tmp_path / "a.yaml", entry(until="2026-08-28"), entry(id="GHSA-fqh9-2qgg-h84h"))

    assert [one.until for one in read_exceptions(path, ON)] == [date(2026, 8, 28), ON]


@pytest.mark.parametrize(
    ("told", "entries"),
    [
        ("holds for too long; expected a last day no later than", [entry(until="2026-08-29")]),
        ("stands twice", [entry(), entry(package="jinja2", until="2026-03-05")]),
        ("Extra inputs are not permitted", [entry(untill="2026-03-05")]),
        ("Field required", [{k: v for k, v in entry().items() if k != "until"}]),
        ("at least 20 characters", [entry(reason="todo" + " " * 30)]),
        ("at least 1 character", [entry(who=" ")]),
        ("should match pattern", [entry(id="jinja2")]),
        ("valid date", [entry(until="soon")]),
    ],
)
def test_an_exception_that_is_not_whole_is_refused(
    told: str, entries: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = written(tmp_path / "a.yaml", *entries)

    with pytest.raises(ConfigurationError, match=told):
        read_exceptions(path, ON)


@pytest.mark.parametrize("text", ["", "exceptions: {", "[]", "exceptions: all"])
def test_a_file_that_is_no_list_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=r"a\.yaml"):
        read_exceptions(path, ON)
    with pytest.raises(ConfigurationError, match=r"b\.yaml"):
        read_exceptions(tmp_path / "b.yaml", ON)


def lock(path: Path, *lines: str) -> Path:
    path.write_text(
        "# a lock\n" + "".join(f"{line} \\\n    {HASH}\n    # via x\n" for line in lines)
    )
    return path


def test_pins_are_read_whichever_machine_they_are_for(tmp_path: Path) -> None:
    one = lock(tmp_path / "1", "Zope.Interface[x]==5.0", "scipy==1.17.1 ; python_version < '3.12'")
    two = lock(tmp_path / "2", "zope-interface==5.0.0", "scipy==1.18.1 ; python_version >= '3.12'")

    assert read_pins([one, two]) == {
        Pin("zope-interface", "5.0"),
        Pin("zope-interface", "5.0.0"),
        Pin("scipy", "1.17.1"),
        Pin("scipy", "1.18.1"),
    }


def test_every_line_of_the_locks_is_a_pin_and_none_is_the_one_known_to_be_bad() -> None:
    pins = read_pins(REPOSITORY / name for name in LOCKS)

    assert {"uv", "mlflow", "celery"} <= {pin.name for pin in pins}
    assert KNOWN_BAD not in pins


@pytest.mark.parametrize(
    "text",
    [
        "jinja2==2.4.1",
        f"jinja2>=2.4.1 {HASH}",
        f"jinja2==2.* {HASH}",
        f"jinja2 {HASH}",
        f"jinja2>=2,==2.4.1 {HASH}",
        f"./jinja2 {HASH}",
        f"-e . {HASH}",
        "# nothing",
    ],
)
def test_a_lock_without_one_version_and_a_hash_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text(text + "\n")

    with pytest.raises(ConfigurationError, match="lock: n"):
        read_pins([path])


def test_a_report_without_the_package_has_not_scanned_it() -> None:
    told = [
        {"name": "idna", "skip_reason": "Dependency not found on PyPI: idna (3.0)"},
        {
            "name": "jinja2",
            "version": "2.4.1",
            "vulns": [
                {"id": FOUND.id, "aliases": ["CVE-2014-1402"], "fix_versions": ["2.7.2"]},
            ],
        },
    ]

    scan = read_report(json.dumps({"dependencies": told, "fixes": []}))

    assert scan == Scan(
        frozenset({JINJA}), (FOUND,), why_not="Dependency not found on PyPI: idna (3.0)"
    )


@pytest.mark.parametrize("text", ["", "Traceback", "[]", "{}", '{"dependencies": [{}]}'])
def test_what_is_no_report_is_no_answer(text: str) -> None:
    with pytest.raises(ValidationError):
        read_report(text)


@dataclass
class Osv:
    """What the server knows, how it answers, and what it was asked."""

    url: str = ""
    known: dict[Pin, str] = field(default_factory=lambda: {KNOWN_BAD: "PYSEC-2021-142"})
    status: int = 200
    garbled: bool = False
    asked: list[Pin] = field(default_factory=list)

    def answer(self, pin: Pin) -> bytes:
        """Answer as POST /v1/query does: an empty object where nothing is known."""
        self.asked.append(pin)
        if self.garbled:
            return b"<html>Sign in</html>"
        if pin not in self.known:
            return b"{}"
        advisory = {
            "id": self.known[pin],
            "aliases": ["CVE-2014-1402"],
            "affected": [
                {
                    "package": {"name": pin.name, "ecosystem": "PyPI"},
                    "ranges": [
                        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.7.2"}]}
                    ],
                }
            ],
        }
        return json.dumps({"vulns": [advisory]}).encode()


@contextmanager
def osv_server() -> Iterator[Osv]:
    osv = Osv()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = osv.answer(Pin(told["package"]["name"], told["version"]))
            self.send_response(osv.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        osv.url = f"http://127.0.0.1:{server.server_port}/v1/query"
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield osv
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[Osv]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PIP_AUDIT_OUTPUT", "/nowhere/a-developers-own")
    with osv_server() as server:
        yield server


@pytest.fixture
def audit(osv: Osv, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(
        *entries: dict[str, Any], pins: tuple[str, ...] = ("Jinja2==2.4.1",)
    ) -> tuple[int, str]:
        places = {
            "--lock": lock(tmp_path / "lock", *pins),
            "--exceptions": written(tmp_path / "advisories.yaml", *entries),
        }
        told = [str(part) for pair in places.items() for part in pair]
        status = main([*told, "--osv", osv.url, "--on", str(ON)])
        return status, capsys.readouterr().out

    return run


def test_a_known_advisory_is_open_until_excused_and_again_after_the_day(
    osv: Osv, audit: Any
) -> None:
    osv.known[JINJA] = "PYSEC-2014-8"

    assert audit() == (
        1,
        "OPEN jinja2 2.4.1: PYSEC-2014-8 (CVE-2014-1402); fixed in 2.7.2; remedy: raise its bound "
        "in requirements*.txt and run `make lock`, or except it for a while in "
        "deploy/advisories.yaml\n2026-03-01: 1 of 1 package scanned, 1 open, 0 excused\n",
    )
    assert audit(entry()) == (0, "2026-03-01: 1 of 1 package scanned, 0 open, 1 excused\n")
    status, told = audit(entry(until="2026-02-28"))
    assert status == 1
    assert "OPEN jinja2 2.4.1" in told
    assert "EXPIRED the exception for CVE-2014-1402 of Jinja2: its last day was 2026-02-28" in told


def test_what_no_service_says_is_not_success(osv: Osv, audit: Any) -> None:
    osv.known.clear()
    status, told = audit()
    assert (status, osv.asked) == (3, [KNOWN_BAD])
    assert "NOT SCANNED 1 package: jinja2 2.4.1; the service: it answers, and has no adv" in told

    osv.status, osv.url = 503, osv.url.replace("//", "//keeper:secret@")
    status, told = audit()
    assert status == 3
    assert "the service: requests.exceptions.HTTPError: 503" in told
    assert "secret" not in told

    osv.status, osv.garbled = 200, True
    status, told = audit()
    assert status == 3
    assert "JSONDecodeError" in told

    osv.url = "http://127.0.0.1:1/v1/query"
    status, told = audit()
    assert status == 3
    assert "Connection refused" in told


def test_every_pin_is_asked_for_whichever_machine_it_is_for(osv: Osv, audit: Any) -> None:
    pins = ("pywin32==312 ; sys_platform == 'win32'", "scipy==1.17.1", "scipy==1.18.1")
    osv.known[Pin("scipy", "1.17.1")] = "PYSEC-2026-1"

    status, told = audit(entry(), pins=pins)

    assert status == 1
    assert "OPEN scipy 1.17.1" in told
    assert "warning: the exception for CVE-2014-1402 of Jinja2 excuses nothing" in told
    assert "3 of 3 packages scanned" in told
    assert osv.asked[0] == KNOWN_BAD
    assert set(osv.asked[1:]) == {
        Pin("pywin32", "312"),
        Pin("scipy", "1.17.1"),
        Pin("scipy", "1.18.1"),
    }


def test_a_lock_or_a_list_that_cannot_be_used_ends_with_2(audit: Any) -> None:
    assert audit(pins=("jinja2>=2",))[0] == 2
    assert audit(entry(), entry())[0] == 2
