"""The groups of matrices that are stored alike, and the formats that a group may have."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.slm.convert.config import DecoderConfig
from edge_agent.slm.convert.recipe import Blocks, Format, Recipe, Rows

#: What installed models that were tuned here call their recipe.
TUNED = "tuned"
#: Fields of a `Recipe`, in the order in which a token passes them. The embedding follows the head: they may be one.
GROUPS = ("attention_in", "attention_out", "feed_forward_in", "feed_forward_out", "head")
#: Those whose input is normed, so that the graph knows how large it can become.
LIMITED = frozenset({"attention_in", "feed_forward_in"})
#: A format of each group.
Choice = Mapping[str, Format]

# The finest first. Not among them: products with one activation scale for a whole pass (`DynamicQuantizeMatMul`),
# fast, but a token's result would depend on the tokens beside it, and so on how a prompt was cut into passes.
_BLOCKS = tuple(Blocks(bits, size, accuracy_level=4) for bits, size in ((8, 32), (8, 128), (4, 32), (4, 128)))
_IN_LAYERS: tuple[Format, ...] = (None, Rows(terms=2), _BLOCKS[0], Rows(terms=1), *_BLOCKS[1:])


def formats(group: str) -> tuple[Format, ...]:
    """What a group may be stored as, the finest first."""
    return (None, *_BLOCKS) if group == "head" else _IN_LAYERS


def recipe_of(choice: Choice) -> Recipe:
    """The calibrated recipe with the formats of `choice`; groups that it does not name stay float32."""
    head = choice.get("head")
    assert not isinstance(head, Rows), "the embedding may be the same matrix, and is looked up"
    return Recipe(
        TUNED,
        embedding=head,
        attention_in=choice.get("attention_in"),
        attention_out=choice.get("attention_out"),
        feed_forward_in=choice.get("feed_forward_in"),
        feed_forward_out=choice.get("feed_forward_out"),
        head=head,
        calibrated=True,
    )


def products(config: DecoderConfig, group: str) -> list[tuple[int, int]]:
    """The matrices `(out, in)` of a group in one layer, as the graph multiplies them."""
    hidden, inner, stored = config.hidden_size, config.intermediate_size, config.head_layout.stored
    return {
        "attention_in": [((config.heads + 2 * config.kv_heads) * stored, hidden)],
        "attention_out": [(hidden, config.heads * stored)],
        "feed_forward_in": [(inner, hidden), (inner, hidden)],
        "feed_forward_out": [(hidden, inner)],
        "head": [(config.vocab_size, hidden)],
    }[group]


def occurrences(config: DecoderConfig, group: str) -> int:
    """How often a pass meets the group."""
    return 1 if group == "head" else config.layers
