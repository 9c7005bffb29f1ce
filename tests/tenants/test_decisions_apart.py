"""Two tenants log decisions of one model on the same days, in an order that chance decides."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.data.row_hashing import create_row_hash_key
from finrisk.serving.api_keys import ApiKeys, add_key, revoke_key
from tests.data.decisions import AT, DAY, NEXT, decided_by, logged_spec, scored_rows
from tests.tenants.worlds import add_tenant, own_settings

TENANTS = ("acme", "borealis")
STEPS = 120
ALL = (date(2024, 1, 1), date(2024, 12, 31))


def both(home: Path) -> Iterator[Settings]:
    for name in TENANTS:
        add_tenant(home, name)
    for name in TENANTS:
        settings = own_settings(home).of_tenant(name)
        create_row_hash_key(settings.row_hash_keys)
        yield settings


def test_each_reads_the_rows_that_it_logged(tmp_path: Path) -> None:
    chance, spec = random.Random(7), logged_spec()
    logs = {one.tenant: DecisionLog.open(one) for one in both(tmp_path)}
    logged: dict[str, Counter[tuple[date, int]]] = {name: Counter() for name in TENANTS}

    for step in range(STEPS):
        name = chance.choice(TENANTS)
        log, its = logs[name], logged[name]
        if chance.random() < 0.3:
            day, rows, version = (
                chance.choice((DAY, NEXT)),
                chance.randint(1, 3),
                chance.randint(1, 2),
            )
            scored = scored_rows(rows, day, first=10 * step)  # a row logged again takes its place
            log.append(spec, decided_by(version=version), scored, scored_at=AT)
            its[day, version] += rows
            continue
        frame = log.read("loans", *ALL)
        found = Counter(zip(frame["_as_of"], frame["_version"], strict=True)) if len(frame) else {}
        assert {(_day(day), int(v)): n for (day, v), n in found.items()} == dict(its)
        assert set(log.days("loans")) == {day for day, _ in its}
        assert set(frame["_scope"]) <= {name} if len(frame) else True

    hashes = [set(log.read("loans", *ALL)["_row"]) for log in logs.values()]
    assert all(hashes)
    assert not hashes[0] & hashes[1]


def _day(day: object) -> date:
    return day.date() if isinstance(day, datetime) else date.fromisoformat(str(day)[:10])


def test_each_key_names_the_tenant_that_it_was_made_for(tmp_path: Path) -> None:
    chance, folder, now = random.Random(7), tmp_path / "keys", datetime(2026, 3, 1, tzinfo=UTC)
    held: dict[str, tuple[str, str]] = {}

    for number in range(60):
        if held and chance.random() < 0.3:
            name = chance.choice(sorted(held))
            revoke_key(folder, name, at=now)
            del held[name]
            continue
        tenant = chance.choice(TENANTS)
        held[f"k{number}"] = (add_key(folder, f"k{number}", tenant=tenant, at=now)[0], tenant)
        keys = ApiKeys.load(folder)
        told = {name: keys.holder(key) for name, (key, _) in held.items()}
        assert {name: one and one.tenant for name, one in told.items()} == {
            name: whose for name, (_, whose) in held.items()
        }
