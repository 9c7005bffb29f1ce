from __future__ import annotations

import pytest

from finrisk.errors import (
    ArtifactRejected,
    Unreachable,
)
from finrisk.ledger.store import Ledger
from tests.ledger.factories import MODEL
from tests.promotion.factories import (
    FakeRegistry,
    force,
    reconcile,
)


def test_a_promotion_is_shown_by_both_aliases(ledger: Ledger, registry: FakeRegistry) -> None:
    force(ledger, registry, 1)
    link = force(ledger, registry, 2)

    assert registry.aliases == {"production": 2, "previous": 1}
    assert link.projected
    assert ledger.unprojected(MODEL) == []


def test_an_artifact_that_does_not_verify_is_never_champion(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    registry.rejected = {1}

    with pytest.raises(ArtifactRejected, match="was edited"):
        force(ledger, registry, 1)

    assert ledger.champion(MODEL) is None
    assert registry.aliases == {}


def test_a_promotion_stands_when_the_registry_is_down_and_reconcile_finishes_it(
    ledger: Ledger, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    force(ledger, registry, 1)
    registry.down = True

    link = force(ledger, registry, 2)

    assert not link.projected
    assert "epoch 2 stands" in caplog.text
    assert [late.epoch for late in ledger.unprojected(MODEL)] == [2]
    with pytest.raises(Unreachable):
        reconcile(ledger, registry)
    registry.down = False
    report = reconcile(ledger, registry)
    assert report.projected == (2,)
    assert registry.aliases == {"production": 2, "previous": 1}
    assert ledger.unprojected(MODEL) == []


def test_a_retry_after_a_lost_reply_promotes_once_and_shows_the_champion_of_now(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    registry.down = True
    first = force(ledger, registry, 1, idem_key="night 1")
    registry.down = False
    force(ledger, registry, 2)

    again = force(ledger, registry, 1, idem_key="night 1", expected_version=None, expected_epoch=0)

    assert again.hash == first.hash
    assert registry.aliases == {"production": 2, "previous": 1}
