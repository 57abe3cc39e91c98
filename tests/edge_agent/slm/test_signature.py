"""Graphs of other exporters: the usual layouts give the same logits as ours, others are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.graph import build_decoder
from edge_agent.slm.convert.recipe import recipe_named
from edge_agent.slm.convert.synthetic import random_weights, tiny_config
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import Sizes
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.session import Session
from orchestrator.errors import ModelUnsupported
from tests.edge_agent.slm import foreign

CONFIG = tiny_config()
WEIGHTS = random_weights(CONFIG, np.random.default_rng(0))
TOKENS = [3, 40, 7, 299, 3, 3, 150, 12, 0, 88, 41]
SIZES = Sizes(kv_heads=1, head_dim=16, vocabulary=300)


def load(path: Path, sizes: Sizes | None = None) -> Session:
    return Session.open(path, threads=1, sizes=sizes)


def logits(session: Session) -> FloatArray:
    """Of the text in passes of several and of single tokens."""
    decoder = Decoder(session, window=32, weight_bytes=0)
    cache, start, rows = decoder.new_cache(), 0, []
    for size in (5, 1, 4, 1):
        rows.append(decoder.forward(cache, TOKENS[start : start + size], Interrupt(), keep=size))
        start += size
    return np.concatenate(rows)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> FloatArray:
    path = tmp_path_factory.mktemp("ours") / "model.onnx"
    onnx.save(build_decoder(CONFIG, WEIGHTS, recipe_named("exact")), path)
    return logits(load(path))


def test_optimums_graphs(tmp_path: Path, reference: FloatArray) -> None:
    session = load(foreign.plain(tmp_path / "model.onnx", CONFIG, WEIGHTS))
    assert not session.signature.shared_kv
    np.testing.assert_allclose(logits(session), reference, atol=1e-4)


@pytest.mark.parametrize("shape", [[], [1]], ids=["scalar", "one"])
def test_graphs_that_keep_the_last_rows_and_caches_in_half_precision(
    tmp_path: Path, reference: FloatArray, shape: list[int]
) -> None:
    keep = helper.make_tensor_value_info("num_logits_to_keep", TensorProto.INT64, shape)
    session = load(foreign.plain(tmp_path / "model.onnx", CONFIG, WEIGHTS, keep, half=True, kept=True))
    assert (session.signature.cache_type.name, session.signature.logits_type.name) == ("float16", "float32")
    assert session.signature.logit_rows(5, 2) == 2
    found = logits(session)
    np.testing.assert_allclose(found, reference, atol=0.05)
    np.testing.assert_array_equal(found.argmax(-1), reference.argmax(-1))


def genai_graph(path: Path) -> Path:
    """Ours as onnxruntime-genai's builder would write it: positions out of the mask, sizes of heads left open."""
    model = build_decoder(CONFIG, WEIGHTS, recipe_named("exact"))
    del model.metadata_props[:]
    for node in model.graph.node:
        node.input[:] = ["" if name == "spare.positions" else name for name in node.input]
    padded = next(node for node in model.graph.node if node.output[0] == "spare.positions")
    model.graph.node.remove(padded)
    kept = [value for value in model.graph.input if value.name not in ("position_ids", "num_logits_to_keep")]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.append(numpy_helper.from_array(np.array(0), "num_logits_to_keep"))
    for value in (*model.graph.input, *model.graph.output):
        if "." in value.name:
            value.type.tensor_type.shape.dim[3].dim_param = "kv_cache_dim"
    onnx.save(model, path)
    return path


def test_graphs_of_onnxruntime_genai(tmp_path: Path, reference: FloatArray) -> None:
    session = load(genai_graph(tmp_path / "model.onnx"), SIZES)
    assert set(session.signature.inputs) == {"input_ids", "attention_mask"}
    np.testing.assert_allclose(logits(session), reference, atol=1e-5)


def test_a_size_that_nobody_states_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="leaves its size of a head open") as error:
        load(genai_graph(tmp_path / "model.onnx"))
    assert "config.json" in error.value.remedy


def test_merged_graphs(tmp_path: Path, reference: FloatArray) -> None:
    session = load(foreign.merged(tmp_path / "model.onnx", CONFIG, WEIGHTS))
    assert session.signature.merged
    np.testing.assert_allclose(logits(session), reference, atol=1e-4)


def test_a_merged_graph_that_would_answer_wrong_is_refused(tmp_path: Path) -> None:
    """Behind a cache, its tokens see those that come after them."""
    with pytest.raises(ModelUnsupported, match="one token at a time") as error:
        load(foreign.merged(tmp_path / "model.onnx", CONFIG, WEIGHTS, causal=False))
    assert "use_cache_branch" in error.value.remedy


@pytest.mark.parametrize("kind", ["int64", "int32"])
def test_cache_positions_follow_from_the_positions(tmp_path: Path, reference: FloatArray, kind: str) -> None:
    places = helper.make_tensor_value_info("cache_position", TensorProto.DataType.Value(kind.upper()), ["tokens"])
    session = load(foreign.plain(tmp_path / "model.onnx", CONFIG, WEIGHTS, places))
    np.testing.assert_allclose(logits(session), reference, atol=1e-4)
    feeds = session.signature.feeds(np.array([[7, 8]]), np.ones((1, 5), np.int64), np.array([[3, 4]]), 1)
    assert feeds["cache_position"].tolist() == [3, 4]
    assert feeds["cache_position"].dtype == kind


def changed(path: Path, alter: Callable[[onnx.GraphProto], object]) -> Path:
    model = onnx.load(foreign.plain(path, CONFIG, WEIGHTS))
    alter(model.graph)
    onnx.save(model, path)
    return path


def test_strange_inputs_are_named_with_their_types(tmp_path: Path) -> None:
    def alter(graph: onnx.GraphProto) -> None:
        graph.input.append(helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, 8, 8]))
        graph.input.append(helper.make_tensor_value_info("token_type_ids", TensorProto.INT64, [1, "s"]))

    wanted = r"unexpected inputs: pixel_values \(tensor\(float\)\), token_type_ids \(tensor\(int64\)\)"
    with pytest.raises(ModelUnsupported, match=wanted):
        load(changed(tmp_path / "model.onnx", alter))


@pytest.mark.parametrize(
    ("name", "axis", "size", "said"),
    [
        ("input_ids", 1, 1, "a fixed number of tokens"),
        ("logits", 1, 1, "a fixed number of tokens"),
        ("past_key_values.1.value", 1, 2, "caches of several shapes"),
    ],
)
def test_fixed_and_uneven_sizes_are_refused(tmp_path: Path, name: str, axis: int, size: int, said: str) -> None:
    def alter(graph: onnx.GraphProto) -> None:
        value = next(one for one in (*graph.input, *graph.output) if one.name == name)
        value.type.tensor_type.shape.dim[axis].dim_value = size

    with pytest.raises(ModelUnsupported, match=said):
        load(changed(tmp_path / "model.onnx", alter))
