"""How fast whole graphs are, one beside the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.session import Session
from edge_agent.slm.tune.costs import READ_TOKENS
from orchestrator.ports import Clock

_ROUNDS = 7
_WRITTEN = 12


@dataclass(frozen=True, slots=True)
class Pace:
    """Medians.

    Attributes:
        read_tokens_per_s: of a prompt of `READ_TOKENS`, or as many as fit.
        write_tokens_per_s: behind that prompt.
    """

    read_tokens_per_s: float
    write_tokens_per_s: float


def race(graphs: Sequence[Path], *, context_tokens: int, threads: int, clock: Clock) -> list[Pace]:
    """Measure `graphs` in turns. Each is given as what the first does, times the median ratio of the rounds.

    Args:
        graphs: of one model.
        context_tokens: the longest conversation that they are made for.
        threads: of one operator.

    Raises:
        ModelError: one cannot be loaded, or fails.
    """
    runners = [_Runner(graph, context_tokens, threads, clock) for graph in graphs]
    rounds = [[runner.run() for runner in runners] for _ in range(_ROUNDS + 1)][1:]  # the first warms up
    base = [median(one[0][part] for one in rounds) for part in (0, 1)]
    ratios = [[median(one[at][part] / one[0][part] for one in rounds) for part in (0, 1)] for at in range(len(graphs))]
    return [Pace(1 / (base[0] * read), 1 / (base[1] * write)) for read, write in ratios]


class _Runner:
    def __init__(self, graph: Path, context_tokens: int, threads: int, clock: Clock) -> None:
        window = min(context_tokens, READ_TOKENS + _WRITTEN)
        self._decoder = Decoder(Session.open(graph, threads=threads), window=window, weight_bytes=0)
        self._cache = self._decoder.new_cache()
        self._clock = clock
        self._prompt = [(17 + 7 * at) % self._decoder.vocabulary for at in range(window - _WRITTEN)]

    def run(self) -> tuple[float, float]:
        """Seconds a token that is read, and that is written."""
        self._cache.truncate(0)
        start = self._clock.monotonic()
        self._decoder.forward(self._cache, self._prompt, Interrupt())
        read = self._clock.monotonic()
        for token in range(_WRITTEN):
            self._decoder.forward(self._cache, [token], Interrupt())
        return (read - start) / len(self._prompt), (self._clock.monotonic() - read) / _WRITTEN
