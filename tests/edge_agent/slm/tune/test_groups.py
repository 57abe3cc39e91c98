from __future__ import annotations

import numpy as np
import pytest

from edge_agent.slm.convert.graph import build_decoder
from edge_agent.slm.convert.recipe import Blocks, Recipe, Rows
from edge_agent.slm.convert.synthetic import random_weights, tiny_config
from edge_agent.slm.tune.groups import GROUPS, formats, occurrences, products, recipe_of


@pytest.mark.parametrize("tied", [True, False])
def test_the_products_are_those_of_the_graph(tied: bool) -> None:
    config = tiny_config(model_type="qwen2", tied_head=tied, layers=3)
    graph = build_decoder(config, random_weights(config, np.random.default_rng(0)), recipe_of(dict.fromkeys(GROUPS)))
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    wanted = sorted(weights[node.input[1]] for node in graph.graph.node if node.op_type == "FusedMatMul")
    ours = [shape for group in GROUPS for shape in products(config, group) * occurrences(config, group)]
    assert sorted(ours) == wanted


@pytest.mark.parametrize("group", GROUPS)
def test_full_precision_is_the_finest_of_all(group: str) -> None:
    assert formats(group)[0] is None
    assert len(set(formats(group))) == len(formats(group))
    assert Recipe.uniform("tuned", None, calibrated=True) == recipe_of({group: None})


def test_a_choice_becomes_a_recipe() -> None:
    blocks = Blocks(8, 32, 4)
    recipe = recipe_of({"head": blocks, "attention_in": Rows(2)})
    assert (recipe.embedding, recipe.head, recipe.attention_in, recipe.attention_out) == (blocks, blocks, Rows(2), None)
    assert recipe.calibrated
