"""What memory is for, on a tiny model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.memory import stages
from edge_agent.slm.convert.synthetic import tiny_config, write_synthetic_model


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_every_stage_is_told(tmp_path: Path) -> None:
    write_synthetic_model(tmp_path, config=tiny_config(context_length=1024))
    found = stages(tmp_path, threads=1)
    assert [stage.name for stage in found[-3:]] == ["model loaded", "512 tokens read", "16 tokens written"]
    assert all(0 < stage.anonymous_mb + stage.file_mb <= stage.peak_mb + 1 for stage in found)
    assert [stage.peak_mb for stage in found] == sorted(stage.peak_mb for stage in found)
