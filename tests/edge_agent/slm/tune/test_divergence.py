from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.slm.convert.synthetic import write_synthetic_model
from edge_agent.slm.tune.divergence import Reading

TEXTS = [np.random.default_rng(seed).integers(0, 300, length).tolist() for seed, length in enumerate((2, 64, 65, 200))]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model in several formats, and another one."""
    root = tmp_path_factory.mktemp("graphs")
    for recipe in ("exact", "q8", "int8"):
        write_synthetic_model(root / recipe, seed=1, recipe=recipe)
    write_synthetic_model(root / "other", seed=2)
    return {name: root / name / "model.onnx" for name in ("exact", "q8", "int8", "other")}


def test_the_coarser_the_further(graphs: dict[str, Path]) -> None:
    reading = Reading(TEXTS, graphs["exact"], threads=1)
    assert reading.tokens == 331
    found = {name: reading.compare(graph) for name, graph in graphs.items()}
    assert found["exact"].kl == 0
    assert found["exact"].agreement == 1
    for name in ("q8", "int8"):
        assert 0 < found[name].kl < 0.05
        assert found[name].agreement > 0.9
    assert found["other"].kl > 0.1
    assert found["other"].agreement < 0.5
