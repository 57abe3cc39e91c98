"""What real models wrote, kept so that strategies can be compared on the very same samples."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.effort.questions import Question
from edge_agent.assembly import CLOUD_SYSTEM, LOCAL_SYSTEM
from edge_agent.slm.model import OnnxModel
from orchestrator.budget import Deadline
from orchestrator.clock import SystemClock
from orchestrator.effort.extraction import number
from orchestrator.effort.rebase import Rebase
from orchestrator.effort.sampling import Halt, Task
from orchestrator.effort.strategy import EffortRules
from orchestrator.effort.verification import Verification, question_of
from orchestrator.types import (
    Completed,
    FinishReason,
    Message,
    ModelEvent,
    Sampling,
    Sensitivity,
    Started,
    TextDelta,
    TokenScore,
    Usage,
)

MOST_TOKENS = 24
TEMPERATURE = EffortRules().temperature
SAMPLES = 9
REBASE_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Written:
    """An answer as a model wrote it."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Everything that was written for a question."""

    kind: str
    text: str
    gold: str
    device: Written
    samples: tuple[Written, ...]
    rebase: Written
    cloud: Written
    check: Written
    """What the cloud said to the device's answer."""
    confirmed: bool


class Recorder:
    """Asks real models, and appends rows to a file: what is there already is not asked again."""

    def __init__(self, path: Path, device: OnnxModel, cloud: OnnxModel) -> None:
        self._path = path
        self._device = device
        self._cloud = cloud

    def record(self, asked: Sequence[Question], *, seconds: float) -> None:
        """Go on where the file ends, for about `seconds`."""
        known, until = len(load(self._path)), time.monotonic() + seconds
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            for question in asked[known:]:
                if time.monotonic() > until:
                    return
                row = asyncio.run(self._row(question))
                file.write(json.dumps(asdict(row)) + "\n")
                file.flush()

    async def _row(self, question: Question) -> Row:
        home = [Message("system", LOCAL_SYSTEM), Message("user", question.text)]
        away = [Message("system", CLOUD_SYSTEM), Message("user", question.text)]
        device = await written(self._device, home, Sampling(max_tokens=MOST_TOKENS))
        each = [Sampling(max_tokens=MOST_TOKENS, temperature=TEMPERATURE, seed=seed) for seed in range(SAMPLES)]
        check = await written(
            self._cloud, question_of(away, device.text, Sensitivity.PUBLIC), Sampling(max_tokens=MOST_TOKENS)
        )
        verdict = Verification()
        verdict.push(check.text)
        verdict.end()
        return Row(
            kind=question.kind,
            text=question.text,
            gold=question.gold,
            device=device,
            samples=tuple([await written(self._device, home, sampling) for sampling in each]),
            rebase=await self._searched(home),
            cloud=await written(self._cloud, away, Sampling(max_tokens=MOST_TOKENS)),
            check=check,
            confirmed=bool(verdict.confirmed),
        )

    async def _searched(self, messages: Sequence[Message]) -> Written:
        sampling = Sampling(max_tokens=MOST_TOKENS, temperature=TEMPERATURE)
        task = Task(model=self._device, messages=messages, sampling=sampling, deadline=Deadline.after(_CLOCK, None))
        async with aclosing(Rebase(REBASE_SAMPLES, number).run(task, Halt())) as events:
            return await _collected(events)


class Recorded:
    """A `LocalModel` that writes a row's samples again: the seed says which."""

    name = "recorded"
    context_tokens = 2048
    rolling = False

    def __init__(self, row: Row) -> None:
        self._samples = row.samples

    def count_tokens(self, messages: Sequence[Message], *, prefix: str = "") -> int:
        """Of the prompt."""
        return self._samples[0].prompt_tokens

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling, deadline: Deadline, prefix: str = ""
    ) -> AsyncGenerator[ModelEvent, None]:
        """The sample of this seed."""
        sample = self._samples[sampling.seed]
        yield Started(self.name)
        yield TextDelta(sample.text, tuple(TokenScore(logprob, 0.0) for logprob in sample.logprobs))
        yield Completed(Usage(sample.prompt_tokens, sample.completion_tokens), FinishReason.STOP)


_CLOCK = SystemClock()


async def written(model: OnnxModel, messages: Sequence[Message], sampling: Sampling) -> Written:
    """One answer."""
    return await _collected(model.generate(messages, sampling=sampling, deadline=Deadline.after(_CLOCK, None)))


async def _collected(events: AsyncGenerator[ModelEvent, None]) -> Written:
    text, logprobs, usage = "", [], Usage()
    async for event in events:
        match event:
            case TextDelta():
                text += event.text
                logprobs += [token.logprob for token in event.tokens]
            case Completed():
                usage = event.usage
    return Written(text, usage.prompt_tokens, usage.completion_tokens, tuple(round(value, 4) for value in logprobs))


def load(path: Path) -> list[Row]:
    """The rows that are there."""
    if not path.exists():
        return []
    return [_row(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _row(plain: dict[str, object]) -> Row:
    import msgspec

    return msgspec.convert(plain, Row)
