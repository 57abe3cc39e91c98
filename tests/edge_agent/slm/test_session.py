"""Loading graphs: sound, foreign, strange and damaged ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from edge_agent.slm.providers import CPU, Provider
from edge_agent.slm.session import Session
from orchestrator.errors import ConfigError, ModelCorrupt, ModelUnsupported


def load(graph: Path) -> Session:
    return Session.open(graph, threads=1, remedy="pull it")


@pytest.fixture
def graph(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny graph, to be damaged."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "tiny")) / "model.onnx"


def change(graph: Path, alter: Callable[[onnx.GraphProto], None]) -> Path:
    model = onnx.load(graph, load_external_data=False)
    alter(model.graph)
    onnx.save(model, graph)
    return graph


def test_the_signature_is_read_off_the_graph(shared: Session, grown: Session) -> None:
    signature = shared.signature
    assert signature.past[:3] == ("past_key_values.0.key", "past_key_values.0.value", "past_key_values.1.key")
    assert signature.present[0] == "present.0.key"
    assert (signature.kv_heads, signature.head_dim, signature.vocabulary) == (1, 16, 300)
    assert signature.cache_layout.bytes_per_token == 2 * 2 * 16 * 4
    assert signature.shared_kv
    assert not grown.signature.shared_kv


def test_an_unknown_input_is_named(graph: Path) -> None:
    def alter(inner: onnx.GraphProto) -> None:
        inner.input.append(helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1]))

    with pytest.raises(ModelUnsupported, match="unexpected inputs: pixel_values"):
        load(change(graph, alter))


def test_a_missing_output_is_named(graph: Path) -> None:
    def alter(inner: onnx.GraphProto) -> None:
        inner.output[0].name = "scores"
        for node in inner.node:
            node.output[:] = ["scores" if name == "logits" else name for name in node.output]

    with pytest.raises(ModelUnsupported, match="missing: logits"):
        load(change(graph, alter))


def test_a_graph_that_is_no_decoder(tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", values[:1], values[1:])
    model = helper.make_model(inner, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelUnsupported, match="without a KV cache"):
        load(tmp_path / "model.onnx")


def test_an_unknown_operator(graph: Path) -> None:
    def alter(inner: onnx.GraphProto) -> None:
        inner.node[-1].op_type = "Divination"

    with pytest.raises(ModelUnsupported, match="Divination"):
        load(change(graph, alter))


@pytest.mark.parametrize("keep", [0, 1, 1000, -10])
def test_a_truncated_graph(graph: Path, keep: int) -> None:
    graph.write_bytes(graph.read_bytes()[:keep])
    with pytest.raises(ModelCorrupt, match=r"model\.onnx") as caught:
        load(graph)
    assert caught.value.remedy == "pull it"


def test_truncated_weights(graph: Path) -> None:
    data = graph.with_name("model.onnx.data")
    data.write_bytes(data.read_bytes()[:-5000])
    with pytest.raises(ModelCorrupt, match=r"model\.onnx"):
        load(graph)


def test_missing_weights(graph: Path) -> None:
    graph.with_name("model.onnx.data").unlink()
    with pytest.raises(ModelCorrupt, match=r"model\.onnx"):
        load(graph)


def test_a_provider_that_is_not_installed_names_its_wheel(tiny_folder: Path) -> None:
    with pytest.raises(ConfigError, match="cuda is not installed") as caught:
        Session.open(tiny_folder / "model.onnx", threads=1, providers=[Provider.named("cuda"), *CPU])
    assert "onnxruntime-gpu" in caught.value.remedy
