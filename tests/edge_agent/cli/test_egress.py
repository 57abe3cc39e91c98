"""`edgewise egress`, as its user types it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.cli import app
from edge_agent.egress.entry import Cause, Departure
from edge_agent.egress.log import EgressLog
from edge_agent.journal import Journal
from orchestrator.chat import Chat
from orchestrator.client import Outcome
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.testing import ManualClock
from orchestrator.types import Sampling, Sensitivity
from orchestrator.wire.requests import encode_stream
from tests.edge_agent.cli.commands import Commands

COMMANDS = Commands(app)
CANARY = "ultramarine"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EDGEWISE_CONTEXT__EMBEDDING", "")
    monkeypatch.setenv("EDGEWISE_CONTEXT__ENCRYPTION__KEY_FROM", f"file:{tmp_path / 'key'}")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


@pytest.fixture
def left(home: Path) -> Callable[..., int]:
    """Write down that something left, as the agent does; its number."""

    def write(text: str = f"Which colour is {CANARY}?", *, record_ids: tuple[int, ...] = ()) -> int:
        chat = Chat(model="m", messages=(OutboundMessage("user", arrived(text)),), sampling=Sampling())
        departure = Departure(
            target="models.example:8443",
            method="/orchestrator.v1.GatewayService/StreamGenerate",
            body=encode_stream("r1", chat).SerializeToString(),
            metadata=(("authorization", "(the key)"),),
            attempts=3,
            cause=Cause(
                decision_id="d1",
                request_id="r1",
                rule="personal: redact",
                record_ids=record_ids,
                redactions={"PERSON": 2, "URL": 1},
            ),
        )
        with (
            Journal.open(home / "journal.db") as journal,
            EgressLog.open(home / "egress.db", ManualClock(), heads=journal) as log,
        ):
            number = log.sent(departure)
            log.ended(number, Outcome.ANSWERED)
            return number

    return write


def test_an_empty_log_says_so() -> None:
    assert COMMANDS.done("egress", "list") == "Nothing has left this device: the egress log is empty.\n"
    assert "nothing is known to be missing" in COMMANDS.done("egress", "verify")
    assert COMMANDS.as_json("egress", "list") == []
    assert COMMANDS.done("egress", "export") == ""


def test_what_left_is_listed(left: Callable[..., int]) -> None:
    left(record_ids=(4, 5))
    target, heading, row = COMMANDS.done("egress", "list").splitlines()
    assert target == "to models.example:8443"
    assert heading.split() == ["id", "when", "bytes", "rule", "records", "replaced", "decision", "outcome"]
    assert row.split()[-6:] == ["personal:", "redact", "2", "3", "d1", "answered"]
    (plain,) = COMMANDS.as_json("egress", "list")
    assert (plain["record_ids"], plain["redactions"]) == ([4, 5], {"PERSON": 2, "URL": 1})
    assert COMMANDS.as_json("egress", "list", "--since", "2100-01-01") == []
    assert "since then" in COMMANDS.done("egress", "list", "--since", "2100-01-01")
    assert isinstance(COMMANDS.error("egress", "list", "--since", "yesterday"), InvalidRequest)


def test_a_call_is_shown_word_for_word(left: Callable[..., int]) -> None:
    number = left("Say [bold]\x1b[2J\nand   wait", record_ids=(4,))
    shown = COMMANDS.done("egress", "show", str(number))
    assert shown.endswith("user\nSay [bold]\ufffd[2J\nand   wait\n")
    assert "under the rule: personal: redact" in shown
    assert "replaced in it: 2 PERSON, 1 URL" in shown
    assert "records in it: 4" in shown
    plain = COMMANDS.as_json("egress", "show", str(number))
    assert plain["messages"] == [{"role": "user", "text": "Say [bold]\x1b[2J\nand   wait"}]
    error = COMMANDS.error("egress", "show", "17")
    assert isinstance(error, RecordNotFound)
    assert "did you mean 1?" in str(error)


def test_a_change_is_found_and_named(left: Callable[..., int], home: Path) -> None:
    left()
    head = COMMANDS.as_json("egress", "verify")["head"]
    left()
    assert "4 entries" in COMMANDS.done("egress", "verify", "--head", head)
    with closing(sqlite3.connect(home / "egress.db")) as db, db:
        db.execute("UPDATE chain SET entry = replace(entry, 'models.example', 'nowhere.example') WHERE number = 3")
    result = COMMANDS.run("egress", "verify")
    assert result.exit_code == 1
    assert "broken at entry 3" in result.stdout
    assert json.loads(COMMANDS.run("egress", "verify", "--json").stdout)["broken_at"] == 3
    assert isinstance(COMMANDS.error("egress", "verify", "--head", "3"), InvalidRequest)


def test_a_log_that_the_user_deleted_begins_anew(left: Callable[..., int], home: Path) -> None:
    left()
    for file in home.glob("egress.db*"):
        file.unlink()
    assert COMMANDS.run("egress", "verify").exit_code == 1
    assert "At entry 1 you accepted" in COMMANDS.done("egress", "verify", "--begin-anew")
    assert COMMANDS.as_json("egress", "verify")["begun_at"] == [1]
    assert isinstance(COMMANDS.error("egress", "verify", "--begin-anew", "--file", "left.jsonl"), InvalidRequest)


def test_an_export_can_be_checked_elsewhere(left: Callable[..., int], tmp_path: Path) -> None:
    left()
    left("bees")
    file = tmp_path / "left.jsonl"
    assert "Wrote 4 entries" in COMMANDS.done("egress", "export", "--out", str(file))
    assert COMMANDS.as_json("egress", "verify", "--file", str(file)) == COMMANDS.as_json("egress", "verify")
    previous = "0" * 64
    for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):  # as docs/privacy.md has it
        text = json.dumps(line["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(bytes.fromhex(previous) + text.encode()).hexdigest()
        assert previous == line["hash"]
    file.write_text(file.read_text(encoding="utf-8").replace("answered", "failed", 1), encoding="utf-8")
    assert COMMANDS.run("egress", "verify", "--file", str(file)).exit_code == 1
    file.write_text("{}", encoding="utf-8")
    assert "line 1" in str(COMMANDS.error("egress", "verify", "--file", str(file)))
    assert isinstance(COMMANDS.error("egress", "verify", "--file", str(tmp_path)), InvalidRequest)


def files_with_it(home: Path) -> list[str]:
    return [file.name for file in home.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]


@pytest.mark.parametrize("how", [["1"], ["--all", "--yes"]])
def test_what_is_forgotten_is_gone_from_what_left(left: Callable[..., int], home: Path, how: list[str]) -> None:
    COMMANDS.done("context", "add", "The shed is painted")
    number = left(record_ids=(1,))
    assert files_with_it(home) == ["egress.db"]
    COMMANDS.done("context", "forget", *how)
    assert files_with_it(home) == []
    assert "what was said was forgotten since" in COMMANDS.done("egress", "show", str(number))
    assert COMMANDS.as_json("egress", "show", str(number))["messages"] is None
    assert COMMANDS.as_json("egress", "verify")["intact"]


def test_it_is_encrypted_and_decrypted_with_the_records(left: Callable[..., int], home: Path) -> None:
    COMMANDS.done("context", "add", "The shed is painted")
    number = left()
    COMMANDS.done("context", "encrypt")
    assert files_with_it(home) == []
    assert CANARY in COMMANDS.done("egress", "show", str(number))
    assert COMMANDS.as_json("egress", "verify")["intact"]
    COMMANDS.done("context", "forget", "1")
    COMMANDS.done("context", "decrypt")
    assert files_with_it(home) == ["egress.db"]
    assert (home / "egress.db").read_bytes().startswith(b"SQLite format")


def test_what_was_said_once_and_for_all_is_listed_and_revoked(home: Path) -> None:
    assert "Nothing is remembered" in COMMANDS.done("egress", "consent", "list")
    with EgressLog.open(home / "egress.db", ManualClock()) as log:
        log.consents.remember(Sensitivity.PERSONAL, "models.example:8443", allowed=False)
    assert COMMANDS.done("egress", "consent", "list").splitlines()[1].split()[:3] == [
        "personal",
        "models.example:8443",
        "never",
    ]
    assert COMMANDS.as_json("egress", "consent", "list")[0]["allowed"] is False
    assert isinstance(COMMANDS.error("egress", "consent", "revoke"), InvalidRequest)
    assert isinstance(COMMANDS.error("egress", "consent", "revoke", "nowhere:1"), RecordNotFound)
    assert "Revoked 1 consent." in COMMANDS.done("egress", "consent", "revoke", "models.example:8443")
    assert COMMANDS.as_json("egress", "consent", "list") == []
