from __future__ import annotations

import gguf
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.nodes import Nodes
from edge_agent.slm.convert.quantize import dequantize, quantize, quantize_rows
from edge_agent.slm.convert.recipe import Blocks
from edge_agent.slm.convert.tensors import InlineTensors

Q = gguf.GGMLQuantizationType
EIGHT = Blocks(bits=8, size=32, accuracy_level=4)
FORMATS = [Blocks(bits, size, 0) for bits in (4, 8) for size in (16, 32, 64)]


def matrix(seed: int, rows: int, columns: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((rows, columns), np.float32)


def restored(weights: FloatArray, blocks: Blocks) -> FloatArray:
    return dequantize(quantize(weights, blocks), blocks, weights.shape[1])


def before(weights: FloatArray, kind: Q) -> FloatArray:
    """Weights that were quantised once already."""
    values: FloatArray = gguf.dequantize(gguf.quantize(weights, kind), kind)
    return values


@pytest.mark.parametrize("blocks", FORMATS, ids=str)
@given(seed=st.integers(0, 999), rows=st.integers(1, 5), columns=st.integers(1, 130), scale=st.floats(1e-3, 1e3))
def test_no_weight_moves_further_than_half_a_level(
    blocks: Blocks, seed: int, rows: int, columns: int, scale: float
) -> None:
    weights = matrix(seed, rows, columns) * np.float32(scale)
    quantized = quantize(weights, blocks)
    level = np.repeat(np.abs(quantized.scales), blocks.size, axis=1)[:, :columns]
    # Four bits reach from -8 to 7: the weight opposite to the largest may lose a whole level.
    most = level * (0.5 if blocks.bits == 8 else 1.0)
    assert np.all(np.abs(dequantize(quantized, blocks, columns) - weights) <= most * 1.001)


@pytest.mark.parametrize("blocks", FORMATS, ids=str)
@pytest.mark.parametrize("weights", [matrix(4, 16, 128), before(matrix(5, 16, 128), Q.Q4_1)], ids=["new", "before"])
def test_a_power_of_two_moves_into_the_scales_alone(blocks: Blocks, weights: FloatArray) -> None:
    """Attention has the factor of its scores in its weights, and gives the same bits as without."""
    factor = np.float32(64**-0.5)
    packed, scales = quantize(weights * factor, blocks)
    np.testing.assert_array_equal(packed, quantize(weights, blocks).packed)
    np.testing.assert_array_equal(scales, quantize(weights, blocks).scales * factor)


@pytest.mark.parametrize("kind", [Q.Q8_0, Q.Q5_0, Q.Q4_0])
def test_symmetric_weights_keep_their_values(kind: Q) -> None:
    weights = before(matrix(1, 64, 256), kind)
    np.testing.assert_allclose(restored(weights, EIGHT), weights, rtol=1e-5, atol=1e-6)


def test_weights_with_a_minimum_lose_less_than_half_of_what_rounding_costs() -> None:
    weights = before(matrix(2, 64, 256), Q.Q4_1)
    finest = np.abs(weights.reshape(64, 8, 32)).max(axis=-1, keepdims=True) / 127
    rounded = (np.rint(weights.reshape(64, 8, 32) / finest) * finest).reshape(weights.shape)
    assert np.square(restored(weights, EIGHT) - weights).sum() < np.square(rounded - weights).sum() / 4


@given(seed=st.integers(0, 999), rows=st.integers(1, 5), columns=st.integers(1, 130), scale=st.floats(1e-3, 1e3))
def test_in_whole_rows_no_weight_moves_further_than_half_a_level(
    seed: int, rows: int, columns: int, scale: float
) -> None:
    weights = matrix(seed, rows, columns) * np.float32(scale)
    weights[0] = 0
    stored = quantize_rows(weights)
    assert stored.integers.shape == (columns, rows)
    assert np.all(np.abs(stored.integers.T * stored.scales[:, None] - weights) <= stored.scales[:, None] * 0.5005)


@pytest.mark.parametrize("blocks", [*FORMATS, None], ids=str)
def test_with_the_inputs_known_the_product_is_nearer(blocks: Blocks | None) -> None:
    """The inputs have a few directions that count, as a model's have."""
    weights, inputs = matrix(4, 20, 100), matrix(5, 200, 100) @ (matrix(6, 100, 100) ** 3)

    def error(known: FloatArray | None) -> float:
        if blocks is None:
            rows = quantize_rows(weights, known)
            made = rows.integers.T * rows.scales[:, None]
        else:
            made = dequantize(quantize(weights, blocks, known), blocks, 100)
        return float(np.square(inputs @ (made - weights).T).mean())

    assert error(inputs) < 0.7 * error(None)


@pytest.mark.parametrize("blocks", FORMATS, ids=str)
@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
def test_a_constant_block_keeps_its_value(blocks: Blocks, value: float) -> None:
    weights = np.full((3, 2 * blocks.size), value, np.float32)
    np.testing.assert_allclose(restored(weights, blocks), weights, rtol=1e-6)


@pytest.mark.parametrize("blocks", FORMATS, ids=str)
@pytest.mark.parametrize("columns", [64, 40])
def test_onnx_runtime_reads_the_same_matrix(blocks: Blocks, columns: int) -> None:
    """The product with the identity, and the look-up of every row, give what `dequantize` gives."""
    weights = matrix(3, 7, columns)
    nodes = Nodes(InlineTensors())
    stored = nodes.matrix("m", weights, blocks)
    nodes.multiply("product", "x", stored)
    nodes.look_up("rows", "ids", stored)
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [columns, columns])]
    inputs.append(helper.make_tensor_value_info("ids", onnx.TensorProto.INT64, [7]))
    outputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("product", "rows")]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(nodes.graph("g", inputs, outputs), opset_imports=opsets, ir_version=10)
    session = ort.InferenceSession(model.SerializeToString())
    feeds = {"x": np.eye(columns, dtype=np.float32), "ids": np.arange(7)}
    product, rows = session.run(None, feeds)
    np.testing.assert_allclose(product.T, restored(weights, blocks), atol=1e-6)
    np.testing.assert_allclose(rows, restored(weights, blocks), atol=1e-6)
