"""Recipes: how each group of matrices is stored and multiplied."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Blocks:
    """Symmetric integers with one float scale for each block of inputs, multiplied by `MatMulNBits`.

    Attributes:
        bits: 4 or 8 for each weight.
        size: weights in a block; a power of two, 16 or more.
        accuracy_level: of `MatMulNBits`: 0 computes in float32, 4 rounds the activations to 8 bits and is fast.
    """

    bits: int
    size: int
    accuracy_level: int


#: How one group of matrices is stored: in blocks, or (None) as float32.
Format = Blocks | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A format for each group of matrices. Norms and biases always stay float32.

    Attributes:
        embedding: the token embedding; a tied model uses the format of its head instead.
    """

    name: str
    embedding: Format
    attention_in: Format
    attention_out: Format
    feed_forward_in: Format
    feed_forward_out: Format
    head: Format

    @classmethod
    def uniform(cls, name: str, fmt: Format) -> Recipe:
        """The same format everywhere."""
        return cls(name, fmt, fmt, fmt, fmt, fmt, fmt)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        # The reference that every other recipe is held against.
        Recipe.uniform("exact", None),
        # Teacher-forced top-1 agreement with `exact` is .97 and better; a quarter of its bytes.
        Recipe.uniform("q8", Blocks(bits=8, size=32, accuracy_level=4)),
    )
}
DEFAULT = "q8"


def recipe_named(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        InvalidRequest: there is none.
    """
    if name not in RECIPES:
        raise InvalidRequest(f"no conversion recipe is called {name!r}", remedy=f"Choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
