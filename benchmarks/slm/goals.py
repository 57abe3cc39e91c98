"""What the engine is to reach: each goal is a ratio or a figure of one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.slm.entries import LLAMA, PLAIN, SPECULATIVE, TUNED
from benchmarks.slm.figures import Results

AGREEMENT = 0.96
_SMALL, _LARGE = "smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct"


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the list.

    Attributes:
        model: the one it is about; empty for every model.
        to: whose figure ours is divided by; empty for the figure itself.
        at_least: whether more is better.
    """

    title: str
    metric: str
    bound: float
    model: str = ""
    to: str = LLAMA
    at_least: bool = True
    speculative: bool = False


GOALS = (
    Goal("prefill 512 / llama.cpp", "prefill 512", 1.5, _SMALL),
    Goal("prefill 512 / llama.cpp", "prefill 512", 2.5, _LARGE),
    Goal("plain decode at 512 / llama.cpp", "decode 512", 1.0, _SMALL),
    Goal("plain decode at 512 / llama.cpp", "decode 512", 1.2, _LARGE),
    Goal("decode of grounded answers with speculation / llama.cpp", "grounded", 1.6, _SMALL, speculative=True),
    Goal("first token of a second turn / cold", "warm share", 0.15, to="", at_least=False),
    Goal("process start to first token, ms", "start", 1500, to="", at_least=False),
    Goal("peak memory / llama.cpp", "memory", 1.1, at_least=False),
    Goal("agreement with full precision, answers", "agreement answers", AGREEMENT, to=""),
    Goal("agreement with full precision, texts", "agreement texts", AGREEMENT, to=""),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A goal, and where it stands. `value` is None where it was not measured."""

    goal: Goal
    contestant: str
    value: float | None

    @property
    def reached(self) -> bool:
        """Whether it holds."""
        if self.value is None:
            return False
        return self.value >= self.goal.bound if self.goal.at_least else self.value <= self.goal.bound


def standings(results: Results) -> Iterator[Standing]:
    """Each goal of the model, held by the tuned graph, or by the plain one where none was tuned."""
    ours = TUNED if TUNED in results.values else PLAIN
    for goal in GOALS:
        if goal.model in ("", results.model):
            key = SPECULATIVE if goal.speculative else ours
            figure = results.figure(key, goal.metric)
            alone = figure.median if figure else None
            yield Standing(goal, key, results.ratio(key, goal.to, goal.metric) if goal.to else alone)
