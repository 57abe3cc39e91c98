"""One trial: a life on a device, a question that invites a leak, a fault, and a search through all that came of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import BinaryIO, Final

from benchmarks.canaries.device import Ear, configured, opened, remember
from benchmarks.canaries.faults import FAULTS, Fault, arrange
from benchmarks.canaries.life import PLAIN_WORDS, Life, live
from benchmarks.canaries.questions import Question, question
from benchmarks.canaries.search import Finds, files, search
from benchmarks.canaries.stand import KEY, Stand
from benchmarks.canaries.ways import LONG, WAYS
from edge_agent.agent import AsyncAgent
from edge_agent.config import Config

_STORE: Final = "context.db"
"""The one place where a user's words are kept."""
_EGRESS: Final = "egress"
"""What left is kept there for the user to look at, so it may hold what may leave."""
_STUCK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried. The same one is the same life and the same question."""

    seed: str
    kind: str
    """Of `questions.KINDS`."""
    way: str
    """Of `ways.WAYS`."""
    fault: str
    """Of `faults.FAULTS`."""
    real: bool = False
    """Whether the real small model answers on the device, and not a parrot."""
    surrogates: bool = False
    """Whether names go in the place of names."""

    def begin(self) -> tuple[Life, Question]:
        """Its life and its question."""
        random = Random(self.seed)
        life = live(random)
        return life, question(self.kind, life, random, turns=random.randint(2, 3) if self.way in LONG else 1)

    def __str__(self) -> str:
        marks = ", surrogates" * self.surrogates + ", real model" * self.real
        return f"{self.kind} / {self.way} / {self.fault} (seed {self.seed}{marks})"


@dataclass(slots=True)
class Outcome:
    """What came of a trial."""

    trial: Trial
    finds: Finds = field(default_factory=Finds)
    reached: int = 0
    """How many chats the model server saw."""
    error: str = ""
    """The type of the error that the question ended in, if it did."""


async def attempt(trial: Trial, stand: Stand, folder: Path, *, config: Config | None = None) -> Outcome:
    """Run a trial, and search.

    Args:
        trial: what is tried.
        stand: the cloud.
        folder: empty: the device's state.
        config: of the device; without it what is usual.
    """
    life, asked = trial.begin()
    fault = FAULTS[trial.fault]
    arrange(fault, stand)
    config = config or configured(
        folder, target=stand.proxy.address, key=KEY, real=trial.real, surrogates=trial.surrogates
    )
    outcome, told = Outcome(trial), []
    with Ear() as ear:
        if fault.kills == "agent":
            await _killed(trial, stand, folder)
        async with opened(config, real=trial.real, unsure=trial.way == "handoff") as agent:
            if fault.kills != "agent":
                remember(agent, (*life.records, *asked.planted))
            try:
                told = await _ask(agent, life, asked, trial, fault, stand)
            except (Exception, asyncio.CancelledError) as error:  # whatever it is, its words are looked at
                outcome.error = getattr(error, "type", type(error).__name__)
                ear.note(error)
            stand.proxy.broken = None
    if fault.kills == "gateway":
        await stand.start_gateway()
    outcome.reached = stand.upstream.chats
    outcome.finds = _searched(life, stand, folder, ear, told, typed=asked.turns[-1], given=trial.way == "mcp")
    return outcome


def _searched(life: Life, stand: Stand, folder: Path, ear: Ear, told: list[str], *, typed: str, given: bool) -> Finds:
    """Every place, each by its own rule.

    Args:
        typed: the question as the user wrote it.
        given: what was told was told to another program, which sees the public.
    """
    said = "\n".join(told).encode()
    left, kept = list(stand.outside()), list(stand.kept())
    for name, content in files(folder, but=_STORE):
        (left if name.startswith(_EGRESS) else kept).append((f"the device's {name.split('/')[0]}", content))
    kept += [("the device's log", "\n".join(ear.heard).encode()), ("errors", "\n".join(ear.errors).encode())]
    (left if given else kept).append(("what MCP gave" if given else "receipts", said))
    finds = search(life.canaries, left, outside=True)
    finds.typed = [leak for leak in finds.leaks if leak.canary.kind in PLAIN_WORDS and leak.canary.text in typed]
    finds.leaks = [leak for leak in finds.leaks if leak not in finds.typed]
    finds.add(search(life.canaries, kept, outside=False))
    if given:  # no redaction stands between a record and another program: what is personal is not given at all
        finds.leaks += [miss for miss in finds.missed if miss.place == "what MCP gave"]
    return finds


async def _ask(agent: AsyncAgent, life: Life, asked: Question, trial: Trial, fault: Fault, stand: Stand) -> list[str]:
    """Ask, and strike in mid-answer where the fault says so."""
    task = asyncio.create_task(WAYS[trial.way](agent, life, asked))
    try:
        if fault.kills in ("gateway", "request") and await _is_held(task, stand):
            if fault.kills == "gateway":
                await stand.kill_gateway()
            else:
                task.cancel()
        return await asyncio.wait_for(task, _STUCK_S)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _is_held(task: asyncio.Task[list[str]], stand: Stand) -> bool:
    """Whether the answer came to where the model server holds it, before it ended otherwise."""
    holding = asyncio.create_task(stand.upstream.holding.wait())
    await asyncio.wait([task, holding], return_when=asyncio.FIRST_COMPLETED, timeout=_STUCK_S)
    holding.cancel()
    return stand.upstream.holding.is_set()


async def _killed(trial: Trial, stand: Stand, folder: Path) -> None:
    """The same trial in a process of its own, which is killed in mid-answer."""
    with _log(folder) as log:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.canaries.killed", str(folder), stand.proxy.address),
            *(trial.seed, trial.kind, trial.way),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    ended = asyncio.create_task(child.wait())
    holding = asyncio.create_task(stand.upstream.holding.wait())
    await asyncio.wait([ended, holding], return_when=asyncio.FIRST_COMPLETED, timeout=_STUCK_S)
    holding.cancel()
    with suppress(ProcessLookupError):
        child.send_signal(signal.SIGKILL)
    await ended


def _log(folder: Path) -> BinaryIO:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "killed.log").open("ab")
