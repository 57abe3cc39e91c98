"""A tiny model as a contestant."""

from __future__ import annotations

import pytest

from benchmarks.slm.contestant import Entry
from edge_agent.slm.convert.synthetic import tiny_config, write_synthetic_model


@pytest.fixture(scope="session")
def tiny_entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """Edgewise on random weights, with a window that the longest prompts fit."""
    folder = tmp_path_factory.mktemp("tiny")
    write_synthetic_model(folder, config=tiny_config(context_length=2048))
    return Entry("plain", "edgewise", folder, threads=1, ends=frozenset({2}))
