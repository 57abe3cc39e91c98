from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.slm.tune.race import race
from orchestrator.clock import SystemClock


def test_each_graph_is_given_in_tokens_per_second(tiny_folder: Path, slow_folder: Path) -> None:
    graphs = [folder / "model.onnx" for folder in (tiny_folder, slow_folder, tiny_folder)]
    tiny, slow, again = race(graphs, context_tokens=512, threads=1, clock=SystemClock())
    assert slow.read_tokens_per_s < tiny.read_tokens_per_s
    assert again.read_tokens_per_s > slow.read_tokens_per_s
    assert tiny.write_tokens_per_s > 0


class Ticking(SystemClock):
    """One second between two looks."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def monotonic(self) -> float:
        self._seconds += 1
        return self._seconds


@pytest.mark.parametrize(("context", "read"), [(512, 128), (100, 88)])
def test_by_the_clock_that_was_given(tiny_folder: Path, context: int, read: int) -> None:
    [pace] = race([tiny_folder / "model.onnx"], context_tokens=context, threads=1, clock=Ticking())
    assert pace.read_tokens_per_s == pytest.approx(read)
    assert pace.write_tokens_per_s == pytest.approx(12)
