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

    def __str__(self) -> str:
        """`8-bit/32`; activations in float32 are marked with an f."""
        return f"{self.bits}-bit/{self.size}" + ("f" if self.accuracy_level == 0 else "")


@dataclass(frozen=True, slots=True)
class Rows:
    """Eight-bit integers with one float scale for each output, multiplied as integers (`integer_product`).

    No token's result depends on the others of its pass.

    Attributes:
        terms: 1 rounds the activations to 8 bits; 2 rounds what that leaves to 8 bits again, 15 in all.
    """

    terms: int

    def __str__(self) -> str:
        """`int8x2`: the second term costs a second product over the same weights."""
        return f"int8x{self.terms}"


#: How one group of matrices is stored: in blocks, in whole rows, or (None) as float32.
Format = Blocks | Rows | None
#: How the embedding and the head are stored: only blocks can be looked up as well as multiplied.
TableFormat = Blocks | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A format for each group of matrices. Norms and biases always stay float32.

    Attributes:
        embedding: the token embedding; a tied model uses the format of its head instead.
        calibrated: whether rounding takes the model's own activations into account (`error_feedback`): slower to
            make, nearer to full precision, and no different to run.
    """

    name: str
    embedding: TableFormat
    attention_in: Format
    attention_out: Format
    feed_forward_in: Format
    feed_forward_out: Format
    head: TableFormat
    calibrated: bool = False

    @classmethod
    def uniform(cls, name: str, fmt: Format, *, table: TableFormat = None, calibrated: bool = False) -> Recipe:
        """The same format in all layers, and `table` for embedding and head."""
        return cls(name, table, fmt, fmt, fmt, fmt, table, calibrated)


_Q8 = Blocks(bits=8, size=32, accuracy_level=4)
RECIPES = {
    recipe.name: recipe
    for recipe in (
        # The reference that every other recipe is held against.
        Recipe.uniform("exact", None),
        # A quarter of its bytes, and quick to make. docs/tuning.md has the figures of all of them.
        Recipe.uniform("q8", _Q8, table=_Q8),
        # Prompts are read faster, most of all on processors with matrix units.
        Recipe.uniform("int8", Rows(terms=2), table=_Q8),
        Recipe.uniform("int8-calibrated", Rows(terms=2), table=_Q8, calibrated=True),
    )
}
DEFAULT = "int8"


def recipe_named(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        InvalidRequest: there is none.
    """
    if name not in RECIPES:
        raise InvalidRequest(f"no conversion recipe is called {name!r}", remedy=f"Choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
