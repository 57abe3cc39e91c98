"""The course that every contestant runs, a round at a time, in turns: what disturbs the machine disturbs them alike."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.slm.contestant import Entry
from benchmarks.slm.divergence import Page
from benchmarks.slm.figures import READS, WRITES, Results
from benchmarks.slm.prompts import QUESTIONS, Prompts, texts
from benchmarks.slm.runners import Runners
from benchmarks.slm.worker import AnswersWorker, ContestantFailed, Pace, PassesWorker, Worker, Written, start_anew

LENGTHS = sorted({*READS, *WRITES})
_ANSWER_TOKENS = 48
_GROUNDED_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: of everything that is timed, at most.
        part_s: after so many seconds of a part (passes, answers) no further round of it begins; two there always are.
        starts: processes started anew for each contestant.
        grounded: questions whose answers are in records.
        pages: of each kind that is held against full precision.
    """

    rounds: int = 5
    part_s: float = 150
    starts: int = 5
    grounded: int = 5
    pages: int = 8


FULL = Effort()
QUICK = Effort(rounds=2, part_s=60, starts=2, grounded=3, pages=3)


class Course:
    """Runs the contestants of one model and notes what comes out. One that fails is said, and runs no further."""

    def __init__(self, results: Results, prompts: Prompts, effort: Effort, step: Callable[[str], None]) -> None:
        """Args:
        step: told what is being done, before each step.
        """
        self._results = results
        self._prompts = prompts
        self._effort = effort
        self._step = step

    def run(self, exact: Entry) -> None:
        """All of it; `exact` is full precision, which is no contestant."""
        self.starts()
        self.passes()
        self.answers()
        self.divergence(exact)

    def steps(self) -> int:
        """How many times `step` is called at most."""
        plain, everyone, effort = len(self._plain), len(self._results.entries), self._effort
        return plain * (effort.starts + effort.rounds * len(LENGTHS) + 1) + everyone * effort.rounds * 2 + 1

    def starts(self) -> None:
        """Fresh processes, one at a time."""
        prompt, failed = self._prompts.question(QUESTIONS[0]), set()
        for _, entry in _turns(self._plain, self._effort.starts):
            self._step(f"{entry.key}: start")
            if entry.key in failed:
                continue
            try:
                start = start_anew(entry, prompt)
            except ContestantFailed as error:
                failed.add(entry.key)
                self._fail(entry, error)
            else:
                self._results.add(entry.key, "load", start.load_ms)
                self._results.add(entry.key, "start", start.first_token_ms)

    def passes(self) -> None:
        """Prefill and decode. A longest prompt comes first and does not count: it lays out memory."""
        with Runners(self._plain, PassesWorker, self._fail) as runners:
            for entry in self._plain:
                runners.call(entry, "pace", self._prompts.random(max(READS), 0))
            for number, entry in _turns(self._plain, self._effort.rounds, within_s=self._effort.part_s):
                for length in LENGTHS:
                    self._step(f"{entry.key}: {length} tokens")
                    pace: Pace | None = runners.call(entry, "pace", self._prompts.random(length, number + 1))
                    if pace:
                        self._note_pace(entry.key, length, pace)
            for entry in self._plain:
                self._results.add(entry.key, "memory", runners.call(entry, "memory_mb"))

    def _note_pace(self, key: str, length: int, pace: Pace) -> None:
        if length in READS:
            self._results.add(key, f"prefill {length}", length / pace.read_s)
        if length in WRITES:
            self._results.add(key, f"decode {length}", pace.written_per_s)
        if length == 512:
            self._results.add(key, "joules", pace.joules_per_token)

    def answers(self) -> None:
        """First tokens with and without an earlier turn, and answers grounded in records."""
        grounded = self._prompts.grounded(self._effort.grounded)
        shown: dict[str, list[tuple[str, ...]]] = {}
        with Runners(self._results.entries, AnswersWorker, self._fail) as runners:
            for number, entry in _turns(self._results.entries, self._effort.rounds, within_s=self._effort.part_s):
                self._step(f"{entry.key}: second turn")
                self._second_turn(runners, entry, number)
                self._step(f"{entry.key}: grounded answers")
                written = [runners.call(entry, "answer", prompt, _GROUNDED_TOKENS) for prompt in grounded]
                if all(written):
                    shown[entry.key] = [answer.shown for answer in written]
                    seconds = sum(answer.total_s - answer.first_token_s for answer in written)
                    self._results.add(entry.key, "grounded", sum(answer.tokens - 1 for answer in written) / seconds)
        self._compare_answers(shown)

    def _second_turn(self, runners: Runners, entry: Entry, number: int) -> None:
        first, second = self._prompts.turns(number)
        cold: Written | None = runners.call(entry, "answer", first, 1)
        warm: Written | None = runners.call(entry, "answer", second, 1)
        if cold and warm:
            self._results.add(entry.key, "cold", cold.first_token_s * 1000)
            self._results.add(entry.key, "warm", warm.first_token_s * 1000)
            self._results.add(entry.key, "warm share", warm.first_token_s / cold.first_token_s)

    def _compare_answers(self, shown: dict[str, list[tuple[str, ...]]]) -> None:
        """Say whether guessing ahead changed an answer: law 5 says that it must not."""
        guessing = [entry for entry in self._results.entries if entry.speculative and entry.key in shown]
        for entry in guessing:
            for plain in self._plain:
                if plain.engine == entry.engine and plain.path == entry.path and plain.key in shown:
                    pairs = list(zip(shown[entry.key], shown[plain.key], strict=True))
                    same = sum("".join(ours) == "".join(theirs) for ours, theirs in pairs)
                    self._results.notes.append(
                        f"{entry.key} writes what {plain.key} does in {same} of {len(pairs)} answers."
                    )

    def divergence(self, exact: Entry) -> None:
        """One process at a time: full precision and every row of logits take much memory."""
        with tempfile.TemporaryDirectory() as folder:
            self._step("full precision")
            with Worker(exact, PassesWorker, every_logit=True) as reference:
                pages = list(self._pages(reference))
                reference.call("save", pages, Path(folder))
            for entry in self._plain:
                self._step(f"{entry.key}: agreement")
                try:
                    with Worker(entry, PassesWorker, every_logit=True) as worker:
                        found = worker.call("compare", pages, Path(folder))
                except ContestantFailed as error:
                    self._fail(entry, error)
                    continue
                for kind, result in found.items():
                    self._results.add(entry.key, f"agreement {kind}", result.agreement)
                    self._results.add(entry.key, f"kl {kind}", result.kl_nats)

    def _pages(self, reference: Worker) -> Iterator[Page]:
        for number, question in enumerate(QUESTIONS[: self._effort.pages]):
            asked = list(self._prompts.question(question).tokens)
            answered = reference.call("continued", asked, _ANSWER_TOKENS)
            yield Page(f"answer{number}", "answers", tuple(answered[:-1]), start=len(asked) - 1)
        for title, text in list(texts().items())[: self._effort.pages]:
            yield Page(title, "texts", tuple(self._prompts.tokenizer.encode(text)))

    @property
    def _plain(self) -> list[Entry]:
        """All but those that only guess ahead on another's weights."""
        return [entry for entry in self._results.entries if not entry.speculative]

    def _fail(self, entry: Entry, error: ContestantFailed) -> None:
        self._results.notes.append(f"{entry.key} failed: {error}")


def _turns(entries: Sequence[Entry], rounds: int, *, within_s: float = math.inf) -> Iterator[tuple[int, Entry]]:
    """Every entry once a round, another one first each time. Past `within_s` no round begins, but for the first two."""
    started_s = time.monotonic()
    for number in range(rounds):
        if number >= 2 and time.monotonic() - started_s > within_s:
            return
        at = number % max(1, len(entries))
        for entry in [*entries[at:], *entries[:at]]:
            yield number, entry
