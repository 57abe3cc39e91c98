"""GGUF files of tiny models, whole and in every way wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from edge_agent.slm.convert import synthetic_gguf

WriteGguf = Callable[..., Path]


@pytest.fixture
def write_gguf(tmp_path: Path) -> WriteGguf:
    """`synthetic_gguf.write_gguf` to a file of this test."""
    return partial(synthetic_gguf.write_gguf, tmp_path / "model.gguf")
