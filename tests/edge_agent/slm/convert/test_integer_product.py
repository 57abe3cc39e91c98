from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.integer_product import norm_limit
from edge_agent.slm.convert.nodes import Nodes
from edge_agent.slm.convert.recipe import Rows
from edge_agent.slm.convert.tensors import InlineTensors

WEIGHTS = np.random.default_rng(0).integers(-127, 128, (24, 48)).astype(np.float32)
WEIGHTS[:, 0] = 127  # with this, the scale of each output is 1


def session(terms: int, limit: float | None = None, *, bias: bool = False) -> ort.InferenceSession:
    """The product of `x` with WEIGHTS."""
    nodes = Nodes(InlineTensors())
    if limit is not None:
        nodes.limit("x", limit)
    added = nodes.weight("bias", np.arange(24, dtype=np.float32)) if bias else ""
    nodes.multiply("y", "x", nodes.matrix("m", WEIGHTS, Rows(terms)), added)
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", "sequence", 48])]
    outputs = [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(nodes.graph("g", inputs, outputs), opset_imports=opsets, ir_version=10)
    return ort.InferenceSession(model.SerializeToString())


SESSIONS = {(terms, limit): session(terms, limit) for terms, limit in ((1, None), (2, None), (2, 40.0))}


def rows(seed: int, batch: int, length: int) -> FloatArray:
    """Activations with a few that are far larger than the rest, as a model has them."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((batch, length, 48), np.float32)
    values[..., rng.integers(0, 48, 3)] *= 10
    return np.clip(values, -40, 40)


@pytest.mark.parametrize(("key", "most"), [((1, None), 0.02), ((2, None), 1e-4), ((2, 40.0), 2e-4)], ids=str)
def test_it_is_the_product(key: tuple[int, float | None], most: float) -> None:
    x = rows(1, 2, 30)
    wanted = x @ WEIGHTS.T
    error = SESSIONS[key].run(None, {"x": x})[0] - wanted
    assert error.std() < most * wanted.std()


@pytest.mark.parametrize("key", SESSIONS, ids=str)
@settings(deadline=None)
@given(seed=st.integers(0, 999), batch=st.integers(1, 3), length=st.integers(1, 9))
def test_a_row_alone_gives_bit_for_bit_what_it_gives_among_others(
    key: tuple[int, float | None], seed: int, batch: int, length: int
) -> None:
    x = rows(seed, batch, length)
    together = SESSIONS[key].run(None, {"x": x})[0]
    for index in np.ndindex(batch, length):
        alone = SESSIONS[key].run(None, {"x": x[index][None, None]})[0]
        np.testing.assert_array_equal(alone[0, 0], together[index])


@pytest.mark.parametrize("key", SESSIONS, ids=str)
def test_zeros_give_zeros(key: tuple[int, float | None]) -> None:
    np.testing.assert_array_equal(SESSIONS[key].run(None, {"x": np.zeros((1, 3, 48), np.float32)})[0], 0)


def test_a_bias_is_added() -> None:
    x = rows(2, 1, 4)
    plain, biased = session(2).run(None, {"x": x})[0], session(2, bias=True).run(None, {"x": x})[0]
    np.testing.assert_allclose(biased - plain, np.broadcast_to(np.arange(24), (1, 4, 24)), atol=1e-3)


@given(st.integers(0, 999), st.floats(0.01, 100))
def test_no_norm_exceeds_its_limit(seed: int, spike: float) -> None:
    rng = np.random.default_rng(seed)
    row, gamma = rng.standard_normal(32, np.float32), rng.standard_normal(32, np.float32)
    row[3] *= spike
    normed = row / np.sqrt(np.square(row).mean()) * gamma
    assert np.abs(normed).max() <= norm_limit(gamma) * 1.0001
