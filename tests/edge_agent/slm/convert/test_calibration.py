from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from edge_agent.slm.convert.calibration import calibration_text, observe_inputs
from edge_agent.slm.convert.graph import build_decoder
from edge_agent.slm.convert.recipe import recipe_named
from edge_agent.slm.convert.synthetic import random_weights, tiny_config, tiny_tokenizer
from edge_agent.slm.progress import Quiet

CONFIG = tiny_config(model_type="qwen2")


def test_every_matrix_of_a_layer_is_observed(tmp_path: Path) -> None:
    weights = random_weights(CONFIG, np.random.default_rng(0))
    tokens = tiny_tokenizer().encode(calibration_text()).ids[:300]
    inputs = observe_inputs(CONFIG, weights, tokens, tmp_path, Quiet())
    graph = build_decoder(CONFIG, weights, recipe_named("int8")).graph
    stored = [tensor.name.removesuffix(".int8") for tensor in graph.initializer if tensor.name.endswith(".int8")]
    assert sorted(stored) == sorted(inputs)
    for layer in range(CONFIG.layers):
        assert inputs[f"model.layers.{layer}.self_attn.qkv_proj.weight"].shape == (300, 32)
        assert inputs[f"model.layers.{layer}.mlp.down_proj.weight"].shape == (300, 64)
    assert all(np.isfinite(rows).all() and rows.any(axis=1).all() for rows in inputs.values())


def test_each_lot_begins_a_text_of_its_own(tmp_path: Path) -> None:
    """The same 128 tokens twice are the same rows twice."""
    weights = random_weights(CONFIG, np.random.default_rng(0))
    lot = tiny_tokenizer().encode(calibration_text()).ids[:128]
    inputs = observe_inputs(CONFIG, weights, [*lot, *lot], tmp_path, Quiet())
    for rows in inputs.values():
        np.testing.assert_array_equal(rows[:128], rows[128:])


def test_nothing_that_is_measured_on_is_calibrated_on() -> None:
    seen, unseen = calibration_text().split("\n\n"), calibration_text(held_out=True).split("\n\n")
    assert len(unseen) > 4
    assert len(seen) > 2 * len(unseen)
    assert not set(seen) & set(unseen)


def test_calibrated_weights_are_other_integers(tmp_path: Path) -> None:
    weights = random_weights(CONFIG, np.random.default_rng(0))
    tokens = tiny_tokenizer().encode(calibration_text()).ids[:300]
    inputs = observe_inputs(CONFIG, weights, tokens, tmp_path, Quiet())
    plain, calibrated = (
        {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for model in (
            build_decoder(CONFIG, weights, recipe_named("int8")),
            build_decoder(CONFIG, weights, recipe_named("int8-calibrated"), inputs=inputs),
        )
    )
    name = "model.layers.1.mlp.down_proj.weight"
    np.testing.assert_array_equal(plain[f"{name}.scales"], calibrated[f"{name}.scales"])
    assert (plain[f"{name}.int8"] != calibrated[f"{name}.int8"]).any()
