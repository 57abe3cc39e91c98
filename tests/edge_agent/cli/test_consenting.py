"""Consent in a terminal: what the user sees and types, in a real pseudo-terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

pty = pytest.importorskip("pty")

ASKING = """
import asyncio
from edge_agent.cli.consenting import terminal_consent
from orchestrator.privacy.consent import ConsentRequest
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.privacy.finding import Kind
from orchestrator.types import Sensitivity

request = ConsentRequest(
    destination="models.example:8443",
    label=Sensitivity.PERSONAL,
    kinds=frozenset({Kind.PERSON, Kind.EMAIL_ADDRESS}),
    messages=(OutboundMessage("user", arrived("Write to Hilde\\x1b[2J")),),
)
ask = terminal_consent()
for _ in range(5):
    print("verdict", None if ask is None else asyncio.run(ask(request)).value)
"""
WAIT_S = 30


@dataclass
class Terminal:
    """A process in a terminal."""

    keyboard: int
    child: subprocess.Popen[bytes]
    shown: str = ""

    def until(self, words: str) -> str:
        """All that is shown up to `words`."""
        while words not in self.shown:
            ready, _, _ = select.select([self.keyboard], [], [], WAIT_S)
            assert ready, f"waited for {words!r} in vain: {self.shown}"
            self.shown += os.read(self.keyboard, 4096).decode()
        before, _, self.shown = self.shown.partition(words)
        return before + words

    def type(self, words: str) -> None:
        os.write(self.keyboard, words.encode())


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Callable[[str], Terminal]:
    def start(script: str) -> Terminal:
        keyboard, inside = pty.openpty()
        environment = {**os.environ, "TERM": "dumb", "COLUMNS": "120"}
        child = subprocess.Popen(
            [sys.executable, "-c", script], stdin=inside, stdout=inside, stderr=inside, env=environment
        )
        os.close(inside)
        request.addfinalizer(lambda: os.close(keyboard))
        request.addfinalizer(child.wait)
        request.addfinalizer(child.kill)
        return Terminal(keyboard, child)

    return start


def test_what_would_leave_is_shown_and_the_answer_is_taken(terminal: Callable[[str], Terminal]) -> None:
    asked = terminal(ASKING)
    told = asked.until("show it > ")
    assert "May personal text leave this device as it is, for models.example:8443?" in told
    assert "It tells of: EMAIL_ADDRESS, PERSON." in told
    assert "Hilde" not in told
    asked.type("s\n")
    shown = asked.until("show it > ")
    assert "Write to Hilde\ufffd[2J" in shown, "what would steer the terminal is taken out"
    asked.type("perhaps\n")
    for typed, verdict in (("a\n", "always"), ("y\n", "once"), ("n\n", "no"), ("V\n", "never"), ("\x04", "no")):
        asked.until("show it > ")
        asked.type(typed)
        asked.until(f"verdict {verdict}")
    assert asked.child.wait(WAIT_S) == 0


def test_where_nobody_sits_nobody_is_asked() -> None:
    done = subprocess.run([sys.executable, "-c", ASKING], stdin=subprocess.DEVNULL, check=True, capture_output=True)
    assert done.stdout == b"verdict None\n" * 5
