"""Clients and real forks: a child gets an answer or a typed error at once, and its parent notices nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, os, signal, sys
from orchestrator.client import AsyncGateway, Gateway

from orchestrator.errors import InvalidRequest

def say(*words):
    print(*words, flush=True)

def child(work):
    number = os.fork()
    if number == 0:
        signal.alarm(60)  # hanging is what must not happen
        try:
            work()
        except InvalidRequest as error:
            say("refused:", "fork" in error.message, "after the fork" in error.remedy or "behind" in error.remedy)
        sys.exit(0)
    assert os.waitpid(number, 0)[1] == 0, "the child crashed or hung"

target = sys.argv[1]
"""

CASES = {
    "a client that was not used before answers in the child": (
        "gateway = Gateway(target, model='m')\n"
        "def work():\n"
        "    say(gateway.generate('Hi').text)\n"
        "    gateway.close()\n"
        "child(work)\n"
        "say(gateway.generate('Hi').text)\n",
        ["Bees make honey.", "Bees make honey."],
    ),
    "a client that was used refuses, closes, and lives on in the parent": (
        "gateway = Gateway(target, model='m')\n"
        "say(gateway.generate('Hi').text)\n"
        "def work():\n"
        "    try:\n"
        "        gateway.generate('Hi')\n"
        "    finally:\n"
        "        gateway.close()\n"
        "child(work)\n"
        "say(gateway.generate('Hi').text)\n",
        ["Bees make honey.", "refused: True True", "Bees make honey."],
    ),
    "a new client in a child of a user is refused, too": (
        "with Gateway(target, model='m') as gateway:\n"
        "    say(gateway.generate('Hi').text)\n"
        "child(lambda: Gateway(target, model='m').generate('Hi'))\n"
        "child(lambda: asyncio.run(AsyncGateway(target, model='m').generate('Hi')))\n",
        ["Bees make honey.", "refused: True True", "refused: True True"],
    ),
    "a stream goes on in the parent alone": (
        "gateway = Gateway(target, model='m')\n"
        "stream = gateway.stream('Hi')\n"
        "next(stream)\n"
        "def work():\n"
        "    try:\n"
        "        next(stream)\n"
        "    finally:\n"
        "        stream.close()\n"
        "child(work)\n"
        "say(''.join(getattr(event, 'text', '') for event in stream))\n",
        ["refused: True True", "Bees make honey."],
    ),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("case", CASES)
def test_forks(case: str, fake_target: str) -> None:
    script, said = CASES[case]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + script, fake_target],
        env={**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "0"},  # as docs/sdk.md says
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, said), done.stderr
