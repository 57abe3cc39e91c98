"""One model of the pair: answers with what it thought of each of its tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from edge_agent.energy.modelled import ModelledMeter
from edge_agent.energy.profile import Profile
from edge_agent.slm.beginning import common
from edge_agent.slm.cache import KVCache
from edge_agent.slm.chat_template import ChatTemplate
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.sampling import Floats, Sampler, score
from edge_agent.slm.session import Session
from edge_agent.slm.tokenizer import Tokenizer
from orchestrator.types import Message, Sampling

_WINDOW = 2048


@dataclass(frozen=True, slots=True)
class Written:
    """A greedy answer.

    Attributes:
        tokens: a row each: log-probability, entropy (nats), and how much likelier it was than the second (nats).
        cpu_ms: one thread's.
        joules: modelled.
    """

    text: str
    tokens: list[tuple[float, float, float]]
    prompt_tokens: int
    cpu_ms: float
    joules: float
    choices: list[float] = field(default_factory=list)
    """Log-probability of each choice, less that behind the blank question, if there is one."""
    samples: list[str] = field(default_factory=list)


class PairModel:
    """A model on one thread, so that processor time is that of the answer, whatever else the machine does."""

    def __init__(self, folder: Path) -> None:
        """Raises:
        ModelError: the folder is no chat model, or damaged.
        """
        files = ModelFolder(folder).require_language_model()
        self._tokenizer = Tokenizer.open(files.tokenizer)
        special = files.special_tokens
        session = Session.open(files.graph, threads=1, sizes=files.sizes)
        self._decoder = Decoder(session, window=_WINDOW, weight_bytes=files.weight_bytes, steady=True)
        self._template = ChatTemplate(
            files.chat_template,
            variables=special,
            control_tokens=self._tokenizer.special_tokens,
            now=lambda: datetime.now(UTC),
        )
        self._ends = files.end_ids | self._tokenizer.ids_of([special.get("eos_token", "")])
        self._cache: KVCache = self._decoder.new_cache()
        self._interrupt = Interrupt()
        self._common: dict[tuple[str, str], float] = {}
        self._meter = ModelledMeter(Profile.load(), cpu_seconds=time.thread_time)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Of the rendered prompt."""
        return len(self._encode(messages))

    def ask(
        self,
        messages: Sequence[tuple[str, str]],
        choices: Sequence[str],
        most_tokens: int,
        *,
        blank: str = "",
        samples: int = 0,
    ) -> Written:
        """A greedy answer, the likelihood of each of `choices`, and `samples` answers at temperature 0.7.

        Behind a `blank` question in place of the last message a choice is as likely as it is common; compared are the
        ratios (Holtzman et al. 2021, arXiv 2104.08315).
        """
        prompt = self._encode([Message(role, text) for role, text in messages])  # type: ignore[arg-type]
        start_s, span = time.thread_time(), self._meter.start()
        behind = self._read(prompt, span.moved)
        ids, tokens = self._write(behind, Sampler(Sampling()), most_tokens, span.moved)
        cpu_ms, joules = (time.thread_time() - start_s) * 1000, span.stop().joules
        scores = [self._likelihood(len(prompt), behind, choice) for choice in choices]
        if blank:
            usuals = self._blank([*messages[:-1], ("user", blank)], choices)
            scores = [found - usual for found, usual in zip(scores, usuals, strict=True)]
            self._read(prompt, _unseen)
        drawn = []
        for seed in range(samples):
            self._cache.truncate(len(prompt))
            sampler = Sampler(Sampling(temperature=0.7, seed=seed))
            drawn.append(self._tokenizer.decode(self._write(behind, sampler, most_tokens, _unseen)[0]))
        return Written(self._tokenizer.decode(ids), tokens, len(prompt), cpu_ms, joules, scores, drawn)

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        return self._tokenizer.encode(self._template.render(messages, prefix=""))

    def _read(self, prompt: list[int], moved: Callable[[int], None]) -> Floats:
        """Logits [V] behind the prompt. What it has in common with the prompt before is not read again."""
        self._cache.truncate(min(common(self._cache.tokens, prompt), len(prompt) - 2))
        behind: Floats = np.empty((0, 0), np.float32)
        while len(self._cache) < len(prompt):
            behind = self._decoder.read(self._cache, prompt, self._interrupt)
            moved(self._decoder.bytes_moved(self._cache))
        last: Floats = behind[-1]
        return last

    def _write(
        self, behind: Floats, sampler: Sampler, most_tokens: int, moved: Callable[[int], None]
    ) -> tuple[list[int], list[tuple[float, float, float]]]:
        ids: list[int] = []
        tokens: list[tuple[float, float, float]] = []
        while True:
            choice = sampler.choose(behind)
            tokens.append((choice.score.logprob, choice.score.entropy, _margin(behind)))
            if choice.token in self._ends:
                return ids, tokens
            ids.append(choice.token)
            if len(ids) >= most_tokens:
                return ids, tokens
            behind = self._decoder.write(self._cache, [choice.token], self._interrupt)[-1]
            moved(self._decoder.bytes_moved(self._cache))

    def _blank(self, messages: Sequence[tuple[str, str]], choices: Sequence[str]) -> list[float]:
        """How likely each choice is behind a question with nothing in it. Computed once for each."""
        missing = [choice for choice in choices if (messages[-1][1], choice) not in self._common]
        if missing:
            prompt = self._encode([Message(role, text) for role, text in messages])  # type: ignore[arg-type]
            behind = self._read(prompt, _unseen)
            for choice in missing:
                self._common[messages[-1][1], choice] = self._likelihood(len(prompt), behind, choice)
        return [self._common[messages[-1][1], choice] for choice in choices]

    def _likelihood(self, length: int, behind: Floats, choice: str) -> float:
        """Log-probability of `choice` behind the prompt, whose last logits are `behind`."""
        ids = self._tokenizer.encode(choice)
        self._cache.truncate(length)
        rows = [behind]
        if len(ids) > 1:
            rows += list(self._decoder.forward(self._cache, ids[:-1], self._interrupt, keep=len(ids) - 1))
        self._cache.truncate(length)
        return sum(score(row, token).logprob for row, token in zip(rows, ids, strict=True))


def _margin(logits: Floats) -> float:
    second, first = np.partition(logits, -2)[-2:]
    return float(first - second)


def _unseen(_: int) -> None:
    """Bytes of a pass that no answer is billed for."""
