"""A contestant in a process of its own: nobody's memory or threads are counted as another's."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.slm.contestant import ENGINES, Answers, Entry, Passes, Prompt
from benchmarks.slm.divergence import Divergence, Page, compare
from edge_agent.energy.modelled import ModelledMeter
from edge_agent.energy.profile import Profile
from edge_agent.slm.footprint import peak_memory_mb
from orchestrator.types import Message

_PATIENCE_S = 300.0
_WRITTEN = 32


class ContestantFailed(Exception):
    """It could not be opened, died, or did not answer."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A prompt read, and tokens written behind it."""

    read_s: float
    write_s: float
    write_joules: float

    @property
    def written_per_s(self) -> float:
        """Tokens."""
        return _WRITTEN / self.write_s

    @property
    def joules_per_token(self) -> float:
        """Modelled: processor time and bytes moved."""
        return self.write_joules / _WRITTEN


@dataclass(frozen=True, slots=True)
class Written:
    """An answer, and when it came."""

    first_token_s: float
    total_s: float
    tokens: int
    shown: tuple[str, ...]


class PassesWorker:
    """What is asked of a process that was opened for passes."""

    def __init__(self, entry: Entry, *, every_logit: bool = False) -> None:
        self._passes: Passes = ENGINES[entry.engine].load().open_passes(entry, every_logit)
        self._meter = ModelledMeter(Profile.load())

    def pace(self, tokens: list[int]) -> Pace:
        """Read `tokens`, then write `_WRITTEN` of its own behind them."""
        start = time.monotonic()
        self._passes.read(tokens)
        middle = time.monotonic()
        span = self._meter.start()
        self._passes.write(_WRITTEN)
        end = time.monotonic()
        cached = len(tokens) + _WRITTEN // 2
        span.moved(_WRITTEN * (self._passes.weight_bytes + cached * self._passes.cache_bytes_per_token))
        return Pace(middle - start, end - middle, span.stop().joules)

    def continued(self, tokens: list[int], count: int) -> list[int]:
        """`tokens` and `count` of its own behind them."""
        self._passes.read(tokens)
        return tokens + self._passes.write(count)

    def save(self, pages: list[Page], folder: Path) -> None:
        """Write the logits over each page: what others are compared with."""
        for page in pages:
            np.save(folder / f"{page.name}.npy", self._passes.logits(list(page.tokens))[page.start :])

    def compare(self, pages: list[Page], folder: Path) -> dict[str, Divergence]:
        """Hold the logits over each page against the saved ones; one result a kind of page."""
        return compare(pages, folder, self._passes.logits)

    def memory_mb(self) -> float | None:
        """The peak so far."""
        return peak_memory_mb()


class AnswersWorker:
    """What is asked of a process that was opened for answers."""

    def __init__(self, entry: Entry) -> None:
        self._answers: Answers = ENGINES[entry.engine].load().open_answers(entry)

    def answer(self, prompt: Prompt, most: int) -> Written:
        """One answer."""
        start = time.monotonic()
        came = self._answers.answer(prompt, most)
        return Written(came[0][0] - start, came[-1][0] - start, len(came), tuple(text for _, text in came))


class Worker:
    """The other end of a contestant's process. `call` blocks: nobody else computes meanwhile."""

    def __init__(self, entry: Entry, role: Callable[..., Any], **options: Any) -> None:
        self.entry = entry
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, role, entry, options), daemon=True)
        self._process.start()
        theirs.close()
        self._receive()

    def call(self, name: str, *arguments: Any) -> Any:
        """Have the process do one thing.

        Raises:
            ContestantFailed: it failed at it, died, or took longer than any of this should.
        """
        self._pipe.send((name, arguments))
        return self._receive()

    def _receive(self) -> Any:
        try:
            if not self._pipe.poll(_PATIENCE_S):
                raise ContestantFailed(f"{self.entry.key} gave no answer in {_PATIENCE_S:.0f} s")
            failed, result = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(5)
            raise ContestantFailed(f"{self.entry.key} died (exit code {self._process.exitcode})") from error
        if failed:
            raise ContestantFailed(f"{self.entry.key}: {result}")
        return result

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Start:
    """A process from its start to the first token of a short answer, as it measured itself and as it was seen."""

    load_ms: float
    first_token_ms: float


def start_anew(entry: Entry, prompt: Prompt) -> Start:
    """Have a fresh interpreter answer `prompt`.

    Raises:
        ContestantFailed: it did not.
    """
    wanted = {
        "entry": asdict(entry) | {"path": str(entry.path), "ends": sorted(entry.ends)},
        "messages": [(message.role, message.text) for message in prompt.messages],
        "tokens": prompt.tokens,
    }
    begun = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.slm.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(wanted).encode())
        process.stdin.close()
        line = process.stdout.readline()
        took_ms = (time.monotonic() - begun) * 1000
        process.kill()
    if not line:
        raise ContestantFailed(f"{entry.key} did not start")
    return Start(float(line), took_ms)


def main() -> None:
    """In the fresh interpreter: answer what standard input asks, and say on standard output that the token is there."""
    wanted = json.load(sys.stdin)
    fields = wanted["entry"]
    entry = Entry(**fields | {"path": Path(fields["path"]), "ends": frozenset(fields["ends"])})
    messages = tuple(Message(role, text) for role, text in wanted["messages"])
    opening = ENGINES[entry.engine].load()
    begun = time.monotonic()
    answers = opening.open_answers(entry)
    load_ms = (time.monotonic() - begun) * 1000
    answers.answer(Prompt(messages, tuple(wanted["tokens"])), 1)
    print(load_ms, flush=True)


def _serve(pipe: Connection, role: Callable[..., Any], entry: Entry, options: dict[str, Any]) -> None:
    """In the contestant's process: open it, then do what is asked until the pipe closes."""
    try:
        subject = role(entry, **options)
        pipe.send((False, None))
    except Exception as error:  # whatever the engine raises is news for the report
        pipe.send((True, _said(error)))
        return
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        try:
            reply = (False, getattr(subject, name)(*arguments))
        except Exception as error:
            reply = (True, _said(error))
        pipe.send(reply)


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


if __name__ == "__main__":
    main()
