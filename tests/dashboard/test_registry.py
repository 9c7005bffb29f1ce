"""Model Registry: what the ledger has, what MLflow shows otherwise, and each action of a person."""

from __future__ import annotations

import socket
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, TextArea

from finrisk.dashboard.acting.promoters import add_promoter, revoke_promoter
from finrisk.dashboard.registry.forms import promoted, prospect, replaced
from finrisk.dashboard.registry.queries import (
    InMlflow,
    Prospect,
    Reign,
    Throne,
    differences,
    reigns,
    stage,
)
from finrisk.evidence import Outcome, RuleResult, Verdict
from finrisk.gate.superiority import RULE as SUPERIORITY
from finrisk.ledger.register import OnRegister
from finrisk.ledger.store import Ledger
from finrisk.records import Champion, Decision, ModelVersion, PromotionKind
from finrisk.tracking.client import open_client
from tests.clock import today
from tests.dashboard.conftest import Show, settings_of, texts
from tests.ledger.factories import (
    AT,
    BUDGET,
    MODEL,
    NIGHT,
    evidence,
    force,
    judge,
    request,
    version,
)

NAME = "credit-risk"
WHY = "read the evidence of the night with the owner"
SCRIPT = "from finrisk.dashboard.app import show_page\nshow_page('registry')\n"


def words(at: AppTest) -> str:
    """What the page says, without Markdown's backslashes."""
    return texts(at).replace("\\", "")


def log_in(at: AppTest, home: Path, name: str = "anna") -> AppTest:
    """Log in by a token that was made on the server."""
    token, _ = add_promoter(settings_of(home).keys, name, at=datetime.now(UTC))
    at.text_input(key="promoter token").set_value(token)
    next(button for button in at.button if button.label == "Log in").click().run()
    assert f"{name} may act" in words(at).replace("*", "")
    return at


def send(at: AppTest, form: str, reason: str = WHY, *, sure: bool = True) -> AppTest:
    """Fill a form's reason and confirmation, and send it."""
    reason_of(at, form).set_value(reason)
    (box,) = (one for one in at.checkbox if str(one.key).startswith(f"registry_{form}_sure"))
    (box.check if sure else box.uncheck)()
    return button_of(at, form).click().run()


def reason_of(at: AppTest, form: str) -> TextArea:
    """Where a form asks why."""
    (area,) = (one for one in at.text_area if str(one.key).startswith(f"registry_{form}_reason"))
    return area


def button_of(at: AppTest, form: str) -> Button:
    """What sends a form."""
    (button,) = (one for one in at.button if str(one.key).startswith(f"registry_{form}_send"))
    return button


def acting(show: Show, home: Path, what: str) -> AppTest:
    """The page of somebody who is logged in and chose an action."""
    at = log_in(show(home, "registry"), home)
    return at.segmented_control(key="registry_action").select(what).run()


def first(ledger: Ledger) -> ModelVersion:
    """The version that serves."""
    found = ledger.version(MODEL, 1)
    assert found is not None
    return found


def second(ledger: Ledger) -> ModelVersion:
    """The version of the second night, which is not champion."""
    found = ledger.version(MODEL, 2)
    assert found is not None
    return found


def refreshable(ledger: Ledger) -> None:
    """Let a night have found the second version no better, and in order otherwise."""
    now = ledger.champion(MODEL)
    grant = ledger.spend_look(request(champion=now, challenger=second(ledger)), BUDGET, AT)
    rules = (
        RuleResult(SUPERIORITY, Outcome.FAIL, "z 1.0", "2.71"),
        RuleResult("calibration", Outcome.PASS, "0.01", "0.05"),
    )
    verdict = Verdict(Decision.HOLD, ("z 1.0 < 2.71",), rules)
    ledger.save_evidence(evidence(second(ledger), grant.look, verdict=verdict), AT)


# what there is


def test_the_champion_and_every_version_are_shown_as_the_ledger_has_them(
    decided_home: Path, show: Show
) -> None:
    at = show(decided_home, "registry")

    assert "v1 serves since 2024-08-05 (epoch 1)." in words(at)
    assert "MLflow shows what the ledger says" in words(at)
    newest, oldest = at.dataframe[0].value.to_dict("records")
    assert (oldest["version"], oldest["stage"], oldest["alias"]) == (
        "v1",
        "Production",
        "production",
    )
    assert (oldest["champion"], oldest["its night"]) == ("since 2024-08-05", "PROMOTE")
    assert (oldest["as of"], oldest["in MLflow"]) == ("2024-08-05", "production")
    assert (newest["version"], newest["stage"], newest["alias"]) == ("v2", "Development", "none")
    assert (newest["champion"], newest["signed"]) == ("never", "no")
    assert all(len(row["artifact"]) == len(row["trained on"]) == 8 for row in (newest, oldest))
    assert oldest["registered"].endswith("UTC")


def test_a_version_in_full_has_whole_digests(decided_home: Path, show: Show) -> None:
    at = show(decided_home, "registry")

    at.selectbox(key="registry_version").select(1).run()

    with Ledger.open(settings_of(decided_home)) as ledger:
        known = first(ledger)
    assert known.artifact_sha256 in at.code[0].value
    assert known.run_id in at.code[0].value
    # in this session: a button would open another, in which nobody is logged in
    (leads,) = [link.proto for link in at.get("page_link")]
    assert (leads.page, leads.query_string) == (
        "experiments",
        f"model={MODEL}&mlflow_run={known.run_id}",
    )


def test_who_is_not_logged_in_reads_and_is_told_how_to_act(decided_home: Path, show: Show) -> None:
    at = show(decided_home, "registry")

    assert "log in at the left" in words(at)
    assert not at.segmented_control
    assert not at.text_area


def test_without_a_version_the_page_says_how_one_comes(
    decided_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_SCOPE", "replay")

    at = show(decided_home, "registry")

    assert "No version is registered yet" in words(at)
    assert "there is no champion" in words(at)


def test_aliases_that_people_moved_are_called_out(own_home: Path, show: Show) -> None:
    client = open_client(settings_of(own_home))
    client.set_registered_model_alias(NAME, "production", "2")
    client.set_registered_model_alias(NAME, "staging", "2")

    at = show(own_home, "registry")

    assert "MLflow shows the alias production on v2; the ledger says on v1" in words(at)
    assert "finrisk reconcile credit_risk" in words(at)
    newest, oldest = at.dataframe[0].value.to_dict("records")
    assert (newest["stage"], newest["in MLflow"]) == ("Staging", "production, staging")
    assert (oldest["stage"], oldest["in MLflow"]) == ("Production", "none")


def test_a_version_that_people_deleted_in_mlflow_is_called_out(own_home: Path, show: Show) -> None:
    open_client(settings_of(own_home)).delete_model_version(NAME, "2")

    at = show(own_home, "registry")

    assert "v2 is gone from MLflow; the ledger still has it" in words(at)
    assert at.dataframe[0].value["registered"].tolist()[0] == "–"


def test_without_mlflow_the_ledgers_part_is_shown_and_the_rest_is_said_to_be_missing(
    decided_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{probe.getsockname()[1]}")
        at = show(decided_home, "registry")

    assert not at.error
    assert "MLflow could not be asked" in at.warning[0].value
    newest, oldest = at.dataframe[0].value.to_dict("records")
    assert (oldest["stage"], oldest["alias"], oldest["in MLflow"]) == (
        "Production",
        "production",
        "–",
    )
    assert (newest["stage"], newest["its night"]) == ("–", "HOLD")


def test_many_versions_come_twenty_at_a_time(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    for number in range(3, 44):
        own_ledger.remember_version(version(number))

    at = show(own_home, "registry")
    assert at.dataframe[0].value["version"].tolist() == [f"v{n}" for n in range(43, 23, -1)]

    at.pagination[0].select(3).run()
    assert at.dataframe[0].value["version"].tolist() == ["v3", "v2", "v1"]
    assert "v3 is gone from MLflow" in words(at)
    assert "v2 is gone from MLflow" not in words(at)


def test_another_model_begins_at_its_own_first_page(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    own_ledger.remember_version(version(1, model="by_hand"))
    for number in range(3, 44):
        own_ledger.remember_version(version(number))
    at = show(own_home, "registry", model=MODEL)
    at.pagination[0].select(3).run()

    next(box for box in at.selectbox if box.label == "Model").select("by_hand").run()

    assert at.dataframe[0].value["version"].tolist() == ["v1"]


# promote


def test_a_version_with_evidence_is_promoted_in_the_persons_name(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    judge(own_ledger, second(own_ledger))
    at = acting(show, own_home, "Promote")
    assert f"The night of {NIGHT} said PROMOTE for v2 against v1 at epoch 1" in words(at)
    assert "v1 (champion since 2024-08-05, epoch 1) is replaced by v2" in words(at)

    send(at, "promote")

    link = own_ledger.history(MODEL)[-1]
    assert (link.version, link.kind, link.actor, link.reason) == (
        2, PromotionKind.APPROVED, "anna", WHY,
    )  # fmt: skip
    assert at.success[0].value.replace("\\", "") == (
        "v2 is champion after v1: epoch 2, approved, by anna."
    )
    assert f"v2 serves since {link.as_of}" in words(at)
    assert at.dataframe[0].value["alias"].tolist() == ["production", "previous"]
    assert at.dataframe[0].value["in MLflow"].tolist() == ["production", "previous"]
    assert at.dataframe[0].value["signed"].tolist()[0].startswith("anchor, by anna")
    assert reason_of(at, "promote").value == ""


def test_a_version_without_evidence_is_refused_and_nothing_changes(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    at = acting(show, own_home, "Promote")
    assert "v2 will be refused: no night's evidence says PROMOTE" in words(at)
    assert "finrisk promote credit_risk VERSION --force" in words(at)

    send(at, "promote")

    assert "has no passing evidence" in words(at)
    assert "Nothing was done" in at.error[0].value
    assert reason_of(at, "promote").value == WHY, "nobody types it twice"
    assert len(own_ledger.history(MODEL)) == 1


def test_a_needed_version_refreshes_the_champion(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    refreshable(own_ledger)
    at = acting(show, own_home, "Promote")

    at.radio(key="registry_promote_way").set_value("As a refresh").run()
    assert "v2 may refresh v1 at epoch 1: every rule but superiority holds" in words(at)
    send(at, "promote")

    link = own_ledger.history(MODEL)[-1]
    assert (link.version, link.kind, link.actor) == (2, PromotionKind.REFRESH, "anna")


def test_a_refresh_that_something_stands_against_is_refused(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    force(own_ledger, version(3))  # nobody compared the second with this one
    at = acting(show, own_home, "Promote")
    at.selectbox(key="registry_promote_version").select(2)

    at.radio(key="registry_promote_way").set_value("As a refresh").run()
    assert "v2 will be refused as a refresh: no night compared it" in words(at)
    send(at, "promote")

    assert "version 2 may not refresh the champion" in words(at)
    assert own_ledger.history(MODEL)[-1].version == 3


@pytest.mark.parametrize(
    ("reason", "sure", "says"),
    [
        ("   ", True, "say why in 10 characters or more"),
        ("drift", True, "say why in 10 characters or more"),
        (WHY, False, "tick that you have read what will happen"),
    ],
)
def test_nothing_is_done_without_a_reason_and_a_yes(
    own_home: Path, own_ledger: Ledger, show: Show, reason: str, sure: bool, says: str
) -> None:
    judge(own_ledger, second(own_ledger))
    at = acting(show, own_home, "Promote")

    send(at, "promote", reason, sure=sure)

    assert says in words(at)
    assert len(own_ledger.history(MODEL)) == 1


def test_a_login_that_was_revoked_meanwhile_promotes_nothing(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    judge(own_ledger, second(own_ledger))
    at = acting(show, own_home, "Promote")
    revoke_promoter(settings_of(own_home).keys, "anna", at=datetime.now(UTC))

    send(at, "promote")

    assert at.error
    assert not at.text_area
    assert len(own_ledger.history(MODEL)) == 1


def test_a_promotion_decided_before_another_champion_is_refused(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    judge(own_ledger, second(own_ledger))
    at = acting(show, own_home, "Promote")
    force(own_ledger, version(3), actor="bob")

    send(at, "promote")

    assert "the champion of credit_risk changed while you looked" in words(at)
    assert own_ledger.history(MODEL)[-1].actor == "bob"
    assert "v3 serves" in words(at)


# roll back


def test_the_predecessor_is_brought_back(own_home: Path, own_ledger: Ledger, show: Show) -> None:
    force(own_ledger, second(own_ledger))
    at = acting(show, own_home, "Roll back")
    assert at.selectbox(key="registry_back_to").value == 1
    assert "is replaced by v1" in words(at)

    send(at, "back")

    link = own_ledger.history(MODEL)[-1]
    assert (link.version, link.epoch, link.kind, link.actor, link.reason) == (
        1, 3, PromotionKind.ROLLBACK, "anna", WHY,
    )  # fmt: skip
    assert "v1 is champion after v2: epoch 3, rollback, by anna" in words(at)


def test_an_earlier_champion_is_brought_back_by_its_number(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    force(own_ledger, second(own_ledger))
    force(own_ledger, version(3))
    at = acting(show, own_home, "Roll back")

    at.selectbox(key="registry_back_to").select(1).run()
    send(at, "back")

    assert own_ledger.history(MODEL)[-1].version == 1


def test_a_rollback_from_a_champion_that_is_no_more_is_refused(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    force(own_ledger, second(own_ledger))
    at = acting(show, own_home, "Roll back")
    force(own_ledger, version(3), actor="bob")

    send(at, "back")

    assert "its champion changed meanwhile" in words(at)
    assert [link.version for link in own_ledger.history(MODEL)] == [1, 2, 3]
    assert "v3 serves" in words(at)


def test_two_people_who_saw_the_same_champion_roll_back_once(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    force(own_ledger, second(own_ledger))
    anna = acting(show, own_home, "Roll back")
    carl = log_in(AppTest.from_string(SCRIPT, default_timeout=60).run(), own_home, "carl")
    carl.segmented_control(key="registry_action").select("Roll back").run()

    send(anna, "back")
    send(carl, "back")

    assert [link.version for link in own_ledger.history(MODEL)] == [1, 2, 1]
    assert "by anna" in words(carl)


def test_a_target_that_does_not_verify_is_refused(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    force(own_ledger, version(3))
    force(own_ledger, second(own_ledger))
    at = acting(show, own_home, "Roll back")

    at.selectbox(key="registry_back_to").select(3).run()
    send(at, "back")

    assert "Nothing was done: credit_risk version 3 does not verify" in words(at)
    assert own_ledger.history(MODEL)[-1].version == 2


def test_a_first_champion_has_nobody_to_go_back_to(own_home: Path, show: Show) -> None:
    at = acting(show, own_home, "Roll back")

    assert "There is no earlier champion to go back to" in words(at)
    assert not at.text_area


def test_a_rollback_needs_no_mlflow_but_the_kept_copy(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    force(own_ledger, second(own_ledger))
    client = open_client(settings_of(own_home))
    client.delete_model_version(NAME, "1")
    at = acting(show, own_home, "Roll back")

    send(at, "back")

    link = own_ledger.history(MODEL)[-1]
    assert link.artifact_sha256 == first(own_ledger).artifact_sha256


# sign


def test_a_version_that_serves_is_signed_and_becomes_the_anchor(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    at = acting(show, own_home, "Sign")
    assert "v1 is signed in anna's name and becomes the anchor" in words(at)

    send(at, "sign")

    anchor = own_ledger.anchor(MODEL)
    assert anchor is not None
    assert (anchor.version, anchor.actor, anchor.reason) == (1, "anna", WHY)
    assert f"v1 signed by anna on {today()}: {WHY}" in words(at)
    assert at.dataframe[0].value["signed"].tolist()[-1].startswith("anchor, by anna")


def test_without_a_champion_ever_nothing_can_be_signed(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    own_ledger.remember_version(version(1, model="by_hand"))
    at = log_in(show(own_home, "registry", model="by_hand"), own_home)

    at.segmented_control(key="registry_action").select("Sign").run()

    assert "Only a version that serves or has served is signed" in words(at)


# freeze


def test_a_freeze_is_made_and_stops_promotions(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    judge(own_ledger, second(own_ledger))
    at = acting(show, own_home, "Freeze")
    until = today() + timedelta(days=5)
    at.date_input(key="registry_freeze_until").set_value(until).run()
    send(at, "freeze", "year-end: nobody is here to look")

    freeze = own_ledger.frozen(MODEL, until)
    assert freeze is not None
    assert (freeze.until, freeze.actor) == (until, "anna")
    assert f"change freeze until {until} by anna" in words(at)

    at.segmented_control(key="registry_action").select("Promote").run()
    assert "v2 will be refused: change freeze until" in words(at)
    send(at, "promote")
    assert "is not promoted: change freeze" in words(at)
    assert len(own_ledger.history(MODEL)) == 1


def test_a_freeze_is_moved_and_lifted(own_home: Path, own_ledger: Ledger, show: Show) -> None:
    until = today() + timedelta(days=5)
    own_ledger.freeze(MODEL, until, reason="year-end", actor="bob", at=datetime.now(UTC))
    at = acting(show, own_home, "Freeze")

    at.date_input(key="registry_freeze_until").set_value(until + timedelta(days=1)).run()
    send(at, "freeze")
    assert own_ledger.freezes(MODEL)[-1].until == until + timedelta(days=1)

    at.radio(key="registry_freeze_way").set_value("Lift it").run()
    send(at, "freeze")
    assert own_ledger.frozen(MODEL, today()) is None
    assert "change freeze lifted by anna" in words(at)


def test_without_a_freeze_there_is_none_to_lift(own_home: Path, show: Show) -> None:
    at = acting(show, own_home, "Freeze")

    assert "Lift it" not in [option for radio in at.radio for option in radio.options]


def test_reasons_of_people_are_text_and_no_markdown(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    own_ledger.freeze(
        MODEL,
        today(),
        reason="[click](http://evil) **now** :red[x]",
        actor="bob",
        at=datetime.now(UTC),
    )

    at = show(own_home, "registry")

    assert "\\[click\\]\\(`http" in at.warning[0].value
    assert "**now**" not in at.warning[0].value


# words


THRONE = Throne(
    champion=Champion(MODEL, 4, 3, "a"),
    since=date(2026, 1, 5),
    previous=1,
    predecessor=1,
    back_to=(1,),
    reigns={},
    signatures=(),
    freeze=None,
    today=date(2026, 2, 1),
)
SHOWN = InMlflow(there=True, aliases={"production": 4, "previous": 1})


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ({"production": 4, "previous": 1}, []),
        ({"production": 4, "previous": 1, "staging": 2, "ours": 3}, []),
        (
            {"previous": 1},
            ["MLflow shows the alias production on no version; the ledger says on v4"],
        ),
        (
            {"production": 4, "previous": 2},
            ["MLflow shows the alias previous on v2; the ledger says on v1"],
        ),
    ],
)
def test_only_aliases_of_the_ledger_can_differ(aliases: dict[str, int], said: list[str]) -> None:
    assert differences(THRONE, InMlflow(there=True, aliases=aliases), []) == said


def test_versions_of_one_side_alone_are_named() -> None:
    shown = InMlflow(there=True, aliases=SHOWN.aliases, registered={4: AT, 9: AT})

    said = differences(THRONE, shown, [OnRegister(version(4)), OnRegister(version(3))])

    assert said == [
        "v3 is gone from MLflow; the ledger still has it",
        "MLflow has v9, which the ledger does not know",
    ]


def test_nothing_is_said_of_an_mlflow_that_was_not_asked() -> None:
    assert differences(THRONE, InMlflow(away="no answer"), [OnRegister(version(3))]) == []
    assert stage(3, THRONE, InMlflow(away="no answer")) is None
    assert stage(4, THRONE, InMlflow(away="no answer")) == "Production"


def test_a_version_that_came_back_reigned_twice(own_ledger: Ledger) -> None:
    force(own_ledger, second(own_ledger), as_of=date(2024, 9, 5))
    force(own_ledger, first(own_ledger), as_of=date(2024, 9, 9))

    found = reigns(own_ledger.history(MODEL))

    assert found[1] == (
        Reign(date(2024, 8, 5), date(2024, 9, 5)),
        Reign(date(2024, 9, 9), None),
    )


@pytest.mark.parametrize(
    ("found", "throne", "refresh", "hopeful", "said"),
    [
        (Prospect(NIGHT, ()), THRONE, False, True, "said PROMOTE for v5 against v4 at epoch 3"),
        (Prospect(None, ()), THRONE, False, False, "no night's evidence says PROMOTE"),
        (Prospect(None, ()), THRONE, True, True, "every rule but superiority holds"),
        (Prospect(None, ("calibration: 1",)), THRONE, True, False, "refresh: calibration: 1"),
    ],
)
def test_a_prospect_is_told_before_anybody_asks(
    found: Prospect, throne: Throne, refresh: bool, hopeful: bool, said: str
) -> None:
    told = prospect(5, found, throne, refresh=refresh)

    assert told[0] is hopeful
    assert said in told[1]


def test_what_will_happen_names_both_versions_and_the_person() -> None:
    assert replaced(5, THRONE, "anna", signs=True) == (
        "v4 (champion since 2026-01-05, epoch 3) is replaced by v5, which decides from now on, in "
        "anna's name. anna signs it with this."
    )


def test_a_promotion_whose_aliases_failed_says_so(own_ledger: Ledger) -> None:
    link = own_ledger.history(MODEL)[-1]

    assert promoted(link) == "v1 is champion: epoch 1, bootstrap, by test."
    assert "aliases do not show it yet" in promoted(link.replace(projected=False))
