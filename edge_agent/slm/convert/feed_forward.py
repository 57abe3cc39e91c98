"""The gated feed-forward part of a layer, as nodes of a graph."""

from __future__ import annotations

from edge_agent.slm.convert.config import DecoderConfig, Weights
from edge_agent.slm.convert.nodes import MICROSOFT, Nodes
from edge_agent.slm.convert.recipe import Format, Recipe


class FeedForward:
    """Writes the feed-forward part of each layer."""

    def __init__(self, config: DecoderConfig, weights: Weights, recipe: Recipe, nodes: Nodes) -> None:
        """Args:
        config: the decoder's shape.
        weights: its weights by hub name.
        recipe: the format of each group of matrices.
        nodes: where the nodes go.
        """
        self._config = config
        self._weights = weights
        self._recipe = recipe
        self._nodes = nodes

    def write(self, prefix: str, hidden: str) -> str:
        """down(activation(gate(x)) * up(x)) (Shazeer 2020, arXiv 2002.05202).

        Args:
            prefix: of the weights' names.
            hidden: name of the normed hidden rows, float32 `[B, S, hidden_size]`.

        Returns:
            The name of the output, of the same shape.
        """
        gate = self._linear(f"{prefix}.gate_proj", hidden, self._recipe.feed_forward_in)
        up = self._linear(f"{prefix}.up_proj", hidden, self._recipe.feed_forward_in)
        product = self._nodes.op("Mul", [self._activated(f"{prefix}.gate", gate), up], f"{prefix}.product")
        return self._linear(f"{prefix}.down_proj", product, self._recipe.feed_forward_out)

    def _activated(self, name: str, gate: str) -> str:
        """SiLU, or GELU by its formula with tanh (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""
        if self._config.activation == "gelu_tanh":
            return self._nodes.op("FastGelu", [gate], name, domain=MICROSOFT)
        # With alpha 1 this operator is SiLU, in one pass.
        return self._nodes.op("QuickGelu", [gate], name, domain=MICROSOFT, alpha=1.0)

    def _linear(self, name: str, hidden: str, fmt: Format) -> str:
        matrix = self._nodes.matrix(f"{name}.weight", self._weights[f"{name}.weight"], fmt)
        return self._nodes.multiply(name, hidden, matrix)
