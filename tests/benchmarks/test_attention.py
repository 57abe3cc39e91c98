"""Ways to compute attention: they compute the same."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto

from benchmarks.attention import as_markdown, measure
from benchmarks.attention_graphs import WAYS, Shape, Way, attention_graph

SHAPE = Shape(layers=1, heads=4, kv_heads=2, head_dim=16)
PLAIN, *OTHERS = (way for way in WAYS if way.cache_type == TensorProto.FLOAT and not way.unscaled)


def mixed(way: Way, new: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """What attention makes of `new` random rows behind 5 others."""
    session = ort.InferenceSession(attention_graph(way, SHAPE).SerializeToString(), providers=["CPUExecutionProvider"])
    rng, past = np.random.default_rng(3), 5
    capacity = past if way.operator == "GroupQueryAttention" else past + new
    cache = rng.standard_normal((2, 1, 2, past, 16), np.float32)
    padded = np.pad(cache, ((0, 0), (0, 0), (0, 0), (0, capacity - past), (0, 0)))
    feeds = {
        "rows": rng.standard_normal((1, new, sum(SHAPE.widths)), np.float32),
        "positions": np.arange(past, past + new)[None],
        "last": np.array([past + new - 1], np.int32),
        "total": np.array(past + new, np.int32),
        "past": np.array([past]),
        "end": np.array([past + new]),
        "past.0": padded[0],
        "past.1": padded[1],
    }
    names = {value.name for value in session.get_inputs()}
    made: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = session.run(
        ["mixed"], {name: value for name, value in feeds.items() if name in names}
    )[0]
    return made


@pytest.mark.parametrize("way", OTHERS, ids=lambda way: way.name)
def test_all_ways_in_full_precision_agree(way: Way) -> None:
    np.testing.assert_allclose(mixed(way, 1), mixed(PLAIN, 1), atol=1e-5)


def test_every_way_is_timed_or_said_to_be_missing() -> None:
    timings, missing = measure(SHAPE, threads=1, rounds=1, passes=((4, 1), (4, 2)))
    assert {each.way for each in timings} | set(missing) == {way.name for way in WAYS}
    assert not any(each.new > 1 for each in timings if "group" in each.way)
    assert len(as_markdown(timings, missing).splitlines()) == 2 + len(WAYS)
