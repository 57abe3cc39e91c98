"""Who is measured: an engine with one way to run one model."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent.slm.sampling import Floats
from orchestrator.types import Message

#: Room for the longest prompt and what is written behind it; the same for all.
WINDOW = 2048


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as an app asks it, and the token ids that the model's own template makes of it."""

    messages: tuple[Message, ...]
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant: which engine runs which file.

    Attributes:
        key: short and unique: names its column.
        engine: a key of `ENGINES`.
        path: the model folder, or the GGUF file.
        ends: token ids that end an answer.
        speculative: whether tokens are guessed ahead.
    """

    key: str
    engine: str
    path: Path
    threads: int
    ends: frozenset[int] = frozenset()
    speculative: bool = False


class Passes(Protocol):
    """Forward passes over token ids, one sequence at a time."""

    weight_bytes: int
    cache_bytes_per_token: int

    def read(self, tokens: list[int]) -> None:
        """Forget everything and read `tokens`, up to the logits behind the last."""

    def write(self, count: int) -> list[int]:
        """Write `count` tokens behind what was read, always the likeliest, one pass each."""

    def logits(self, tokens: list[int]) -> Floats:
        """What the model says behind each of `tokens`: [S, V]. They are read from the start."""


Token = tuple[float, str]
"""The moment at which a token was there (`time.monotonic`), and what was seen of it."""


class Answers(Protocol):
    """Whole answers, as an app gets them: what was read before may be used again."""

    def answer(self, prompt: Prompt, most: int) -> list[Token]:
        """Write up to `most` tokens greedily, and stop at one of the model's ends."""


class Opening(Protocol):
    """The module of an engine."""

    @staticmethod
    def open_passes(entry: Entry, every_logit: bool) -> Passes:
        """Open it for passes; `every_logit` where `logits` will be asked for, which may cost memory."""

    @staticmethod
    def open_answers(entry: Entry) -> Answers:
        """Open it for whole answers."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Where an engine is.

    Attributes:
        package: what has to be installed; its absence is said, and not fatal.
        module: ours for it, an `Opening`; imported in the contestant's own process only.
    """

    title: str
    package: str
    module: str

    @property
    def installed(self) -> bool:
        """Whether it can be measured here."""
        return importlib.util.find_spec(self.package) is not None

    def load(self) -> Opening:
        """Import it."""
        opening: Opening = importlib.import_module(self.module)  # type: ignore[assignment]
        return opening


ENGINES = {
    "edgewise": Engine("Edgewise", "onnxruntime", "benchmarks.slm.ours"),
    "llama.cpp": Engine("llama-cpp-python", "llama_cpp", "benchmarks.slm.llama"),
    "genai": Engine("onnxruntime-genai", "onnxruntime_genai", "benchmarks.slm.genai"),
}
