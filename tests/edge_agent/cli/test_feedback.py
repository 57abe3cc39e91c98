"""`edgewise feedback`: what was thought of an answer, by its id or the latest."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.cli import app
from edge_agent.journal import Journal
from orchestrator.errors import InvalidRequest, RecordNotFound
from tests.edge_agent.cli.commands import Commands
from tests.edge_agent.test_journal import ANSWER, DECISION, REQUEST, SITUATION

COMMANDS = Commands(app)


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one answer in its journal."""
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))
    path = tmp_path / "journal.db"
    with Journal.open(path) as opened:
        opened.decided(REQUEST, DECISION, SITUATION)
        opened.answered(DECISION, ANSWER)
    return path


def verdict(path: Path) -> bool | None:
    with Journal.open(path) as opened:
        known = opened.decision(DECISION.id).feedback
    return known.good if known else None


def test_an_answer_is_rated_by_its_id_or_as_the_latest(journal: Path) -> None:
    assert f"{DECISION.id} was good" in COMMANDS.done("feedback", DECISION.id, "good")
    assert verdict(journal) is True
    COMMANDS.done("feedback", "--last", "bad")
    assert verdict(journal) is False


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((DECISION.id, "fine"), "an answer is not 'fine'"),
        ((DECISION.id,), "was it good or bad?"),
        ((DECISION.id, "good", "--last"), "an id and --last name two answers"),
    ],
)
def test_words_that_say_nothing_are_refused(words: tuple[str, ...], says: str, journal: Path) -> None:
    error = COMMANDS.error("feedback", *words)
    assert isinstance(error, InvalidRequest)
    assert says in error.message
    assert verdict(journal) is None


def test_an_unknown_id_names_the_nearest() -> None:
    error = COMMANDS.error("feedback", "d0d0d1", "good")
    assert isinstance(error, RecordNotFound)
    assert "did you mean d0d0d0?" in error.remedy


def test_with_nothing_answered_there_is_no_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path / "empty"))
    assert "nothing was answered" in COMMANDS.error("feedback", "--last", "good").message


def test_what_was_learned_is_shown_and_forgotten(journal: Path) -> None:
    COMMANDS.done("feedback", "--last", "good")
    shown = COMMANDS.done("feedback")
    assert "learning is shadow: of answers to which both routes were open, 0 were rated" in shown
    assert "chooses no route" in shown
    assert "forgotten" in COMMANDS.done("feedback", "--reset")
    assert "not one answer" in COMMANDS.error("feedback", DECISION.id, "--reset").message
    assert verdict(journal) is True, "what was said stays"


@pytest.mark.parametrize("word", ["off", "shadow", "on"])
def test_yaml_words_are_words(journal: Path, word: str) -> None:
    (journal.parent / "agent.yaml").write_text(f"routing: {{learning: {word}}}\n")
    assert f"learning is {word}" in COMMANDS.done("feedback")
