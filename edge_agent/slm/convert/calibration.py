"""What a model's matrices are multiplied with while it reads a text: needed to round them with regard to that."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from edge_agent.slm.convert.config import DecoderConfig, FloatArray, Weights
from edge_agent.slm.convert.gguf_file import FETCH_AGAIN
from edge_agent.slm.convert.graph import build_decoder
from edge_agent.slm.convert.recipe import recipe_named
from edge_agent.slm.convert.tensors import ExternalTensors
from edge_agent.slm.cores import usable_cores
from edge_agent.slm.progress import Progress
from orchestrator.errors import ModelCorrupt

# Tokens at a time, each lot a text of its own: how text begins is what most conversations have in common.
_SEQUENCE = 128
# Statistics need no full precision, and this is made and run in a quarter of the time and memory.
_RECIPE = recipe_named("q8")


def calibration_text(*, held_out: bool = False) -> str:
    """Some pages of many kinds: letters, questions, code, figures, tables. In English, but for a few lines.

    Args:
        held_out: the passages, every fourth, that no rounding looks at, so that its error can be measured on them.
    """
    passages = resources.files(__package__).joinpath("calibration.txt").read_text(encoding="utf-8").split("\n\n")
    return "\n\n".join(text for at, text in enumerate(passages) if (at % 4 == 3) == held_out)


def observe_inputs(
    config: DecoderConfig, weights: Weights, tokens: Sequence[int], scratch: Path, progress: Progress
) -> dict[str, FloatArray]:
    """Let the decoder read `tokens`, and keep what each matrix of its layers is multiplied with.

    Args:
        config, weights: the decoder.
        tokens: ids of a calibration text, at least one.
        scratch: an empty folder; what is returned stays there on disk, and must not be used without it.

    Returns:
        By the name of a matrix, float32 `[tokens, in]`.

    Raises:
        ModelCorrupt: something is not a finite number.
    """
    with ExternalTensors(scratch / "model.onnx.data") as store:
        model = build_decoder(config, weights, _RECIPE, store)
    read = _matrices(model.graph)
    hidden = sorted(set(read.values()))
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in hidden)
    onnx.save_model(model, scratch / "model.onnx")
    rows = _rows(scratch / "model.onnx", config, hidden, tokens, progress)
    return {matrix: rows[name] for matrix, name in read.items()}


def _matrices(graph: onnx.GraphProto) -> dict[str, str]:
    """The tensor that each matrix of a layer is multiplied with, by the matrix's name."""
    products = (node for node in graph.node if node.op_type == "MatMulNBits" and node.name.startswith("model.layers."))
    return {node.input[1].removesuffix(".8bit"): node.input[0] for node in products}


def _rows(
    graph: Path, config: DecoderConfig, names: Sequence[str], tokens: Sequence[int], progress: Progress
) -> dict[str, FloatArray]:
    """Run the graph over all tokens; the rows of each of `names`, in files beside the graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    length = min(_SEQUENCE, config.context_length)
    files: dict[str, FloatArray] = {}
    with progress.task("reading the calibration text", len(tokens), in_bytes=False) as advance:
        for start in range(0, len(tokens), length):
            lot = tokens[start : start + length]
            for name, rows in zip(names, session.run(names, _feeds(config, lot)), strict=True):
                if name not in files:
                    path, shape = graph.with_name(f"inputs.{len(files)}.npy"), (len(tokens), rows.shape[-1])
                    files[name] = np.lib.format.open_memmap(path, "w+", np.float32, shape)
                files[name][start : start + len(lot)] = rows[0]
                if not np.isfinite(rows).all():
                    raise ModelCorrupt(f"the weights make {name} other than finite numbers", remedy=FETCH_AGAIN)
            advance(start + len(lot))
    return files


def _feeds(config: DecoderConfig, tokens: Sequence[int]) -> dict[str, np.ndarray]:
    count = len(tokens)
    empty = np.zeros((1, config.kv_heads, 0, config.head_layout.stored), np.float32)
    past = {f"past_key_values.{layer}.{part}": empty for layer in range(config.layers) for part in ("key", "value")}
    return {
        "input_ids": np.array([tokens], np.int64),
        "attention_mask": np.ones((1, count), np.int64),
        "position_ids": np.arange(count, dtype=np.int64)[None],
        "num_logits_to_keep": np.array(1, np.int64),
        **past,
    }
