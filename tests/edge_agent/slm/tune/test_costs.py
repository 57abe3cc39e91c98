from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.slm.convert.recipe import Blocks, Format, Rows
from edge_agent.slm.tune.costs import measure_costs
from orchestrator.clock import SystemClock

SHAPES = [(1024, 512), (1024, 512)]


@pytest.mark.parametrize("limited", [True, False])
def test_every_format_is_timed(tmp_path: Path, limited: bool) -> None:
    formats: list[Format] = [None, Rows(1), Rows(2), Blocks(4, 32, 4)]
    costs = measure_costs(SHAPES, formats, tmp_path, layers=3, limited=limited, threads=1, clock=SystemClock())
    assert list(costs) == formats
    for cost in costs.values():
        assert 0 < cost.write_s < cost.read_s
    exact, _, eight, four = (cost.bytes for cost in costs.values())
    assert exact == pytest.approx(4 * 2 * 1024 * 512, rel=0.02)
    assert eight == pytest.approx(exact / 4, rel=0.02)
    assert four == pytest.approx(exact * (4 + 1) / 32, rel=0.02)
