"""`edgewise why`: what was predicted, what chose, what happened, how wrong it was; and the same decided again."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.cli import app
from edge_agent.egress.entry import Cause, Departure
from edge_agent.egress.log import EgressLog
from edge_agent.journal import Journal, StoredDecision
from orchestrator.budget import Headroom, Resource, Room
from orchestrator.clock import SystemClock
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.routing.policy import judge
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.replay import replay
from orchestrator.types import Route, Terms
from tests.edge_agent.cli.commands import Commands
from tests.edge_agent.lived import Life
from tests.orchestrator.routing.test_policy import REQUEST, SITUATION

COMMANDS = Commands(app)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    Life(home, datetime(2026, 1, 5, 9, tzinfo=UTC)).live(16, hours=4)
    return home


@pytest.fixture(autouse=True)
def _home(lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_HOME", str(lived))


@pytest.fixture(scope="module")
def rows(lived: Path) -> list[StoredDecision]:
    with Journal.open(lived / "journal.db") as journal:
        return journal.recent(100)


def test_without_an_id_the_latest_is_explained(rows: list[StoredDecision]) -> None:
    latest = rows[0]
    assert latest.decision is not None
    shown = COMMANDS.done("why")
    assert shown.startswith(f"decision {latest.id}")
    assert f"chose {latest.decision.route.value} by {latest.decision.rule}" in shown
    assert shown == COMMANDS.done("why", latest.id)


def test_predictions_stand_beside_the_truth(rows: list[StoredDecision]) -> None:
    row = next(row for row in rows if row.answer and row.answer.route is Route.CLOUD)
    assert row.answer is not None
    shown = COMMANDS.done("why", row.id).splitlines()
    table = shown[next(n for n, line in enumerate(shown) if line.startswith("predicted of cloud")) :]
    first, dollars = (next(line for line in table if line.startswith(name)) for name in ("first token", "money"))
    assert f"{row.answer.latency.first_token_ms:.0f}" in first
    assert first.split()[-1] in {"inside", "above", "below"}
    assert f"{row.answer.usd:.6f}" in dollars


def test_what_its_user_said_is_told(rows: list[StoredDecision], lived: Path) -> None:
    row = next(row for row in rows if row.answer)
    with Journal.open(lived / "journal.db") as journal:
        journal.rate(row.id, good=False)
    assert "the answer was bad: told by its user" in COMMANDS.done("why", row.id)


def test_as_json_it_is_valid_and_whole(rows: list[StoredDecision]) -> None:
    row = next(row for row in rows if row.answer and row.answer.route is Route.LOCAL)
    told = json.loads(COMMANDS.done("why", row.id, "--json"), parse_constant=lambda name: pytest.fail(name))
    assert told["decision"]["route"] == "local"
    assert {"quantity", "predicted", "actual", "error", "inside"} == set(told["hindsight"][0])
    assert told["situation"]["max_tokens"] == 256


def test_every_decision_of_a_day_replays_to_the_same(rows: list[StoredDecision]) -> None:
    for row in rows:
        assert row.decision is not None
        assert replay(row.decision, row.situation).now == row.decision
    told = COMMANDS.as_json("why", "--replay", rows[0].id)
    assert (told["same_route"], told["differences"]) == (True, [])
    assert "takes the same route" in COMMANDS.done("why", "--replay", rows[0].id)


def test_a_row_that_was_tampered_with_replays_to_another(
    rows: list[StoredDecision], lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for row in rows if row.decision and row.decision.route is Route.CLOUD)
    (tmp_path / "journal.db").write_bytes((lived / "journal.db").read_bytes())
    with sqlite3.connect(tmp_path / "journal.db") as db:
        situation = json.dumps({**row.situation, "local_only": True})
        db.execute("UPDATE journal SET situation = ? WHERE id = ?", [situation, row.id])
    db.close()
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))
    result = COMMANDS.run("why", "--replay", row.id)
    assert result.exit_code == 1
    assert "takes another route: local by local_only" in result.stdout
    assert "rule: stored best_value, now local_only" in result.stdout


def test_an_unknown_id_names_those_near(rows: list[StoredDecision]) -> None:
    error = COMMANDS.error("why", rows[3].id[:-1] + "z")
    assert isinstance(error, RecordNotFound)
    assert rows[3].id in error.remedy


def test_where_nothing_was_decided_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))
    assert "nothing was decided" in COMMANDS.error("why").message
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.failed("e1e1e1", "budget_exhausted", "no route is affordable")
    assert "budget_exhausted: no route is affordable" in COMMANDS.done("why")
    assert isinstance(COMMANDS.error("why", "--replay", "e1e1e1"), InvalidRequest)


def test_a_refusal_is_explained_and_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))
    opens = datetime(2026, 1, 5, 10, tzinfo=UTC)
    room = Room(window="energy", resource=Resource.DEVICE_JOULES, left=0, limit=900, reopens_at=opens)
    seen = replace(SITUATION, headroom=Headroom(device_joules=0.0, usd=None, cloud_requests=None, rooms=(room,)))
    refusal = judge(seen, REQUEST, "f0f0f0")
    assert isinstance(refusal, Refusal)
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.refused(REQUEST, refusal, seen.to_dict())
        journal.failed(refusal.id, refusal.error_type, refusal.message)
        journal.refused(REQUEST, replace(refusal, id="a1a1a1"), SITUATION.to_dict())
    told = COMMANDS.done("why", "f0f0f0")
    assert "not local by budget: the device may need" in told
    assert "not cloud by budget: the cloud may need" in told
    assert "good answer" in told
    assert "what helps: the window 'energy' opens again at 2026-01-05 10:00:00 UTC" in told
    assert "it ended in budget_exhausted: no route fits the budget" in told
    assert COMMANDS.as_json("why", "f0f0f0")["refusal"]["excluded"]["local"][0] == "budget"
    assert "is refused with the same error: budget_exhausted" in COMMANDS.done("why", "--replay", "f0f0f0")
    again = COMMANDS.as_json("why", "--replay", "f0f0f0")
    assert (again["same_route"], again["stored_error"], again["differences"]) == (True, again["error"], [])
    other = COMMANDS.run("why", "--replay", "a1a1a1")
    assert other.exit_code == 1
    assert "is answered: cloud by best_value" in other.stdout


def test_what_left_for_a_decision_is_named(lived: Path, rows: list[StoredDecision]) -> None:
    left = next(row for row in rows if row.answer and row.answer.egress.sent)
    stayed = next(row for row in rows if row.answer and not row.answer.egress.sent)
    with EgressLog.open(lived / "egress.db", SystemClock()) as log:
        for row in (left, stayed):
            cause = Cause(decision_id=row.id, request_id="r", rule="public: allow")
            number = log.sent(Departure(target="t:1", method="/s/Generate", body=b"", cause=cause))
    assert f"what left for it, word for word: `edgewise egress show {number - 1}`" in COMMANDS.done("why", left.id)
    assert COMMANDS.as_json("why", left.id)["egress"] == [number - 1]
    assert COMMANDS.as_json("why", stayed.id)["egress"] == [], "its receipt says that nothing left"


def test_the_terms_of_the_last_contact_are_known(lived: Path) -> None:
    with Journal.open(lived / "journal.db") as journal:
        assert journal.last_terms() == Terms(context_tokens=4096, prompt_usd=2e-6, completion_usd=8e-6)
