"""A question as the trained router's members see it, and the form it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from orchestrator.routing.members import Floats
from orchestrator.routing.ngrams import Grams
from orchestrator.routing.traits import TRAITS, traits_of

CHOICE: Final = "choice"
"""The form of a question that names options to choose from."""
OPEN: Final = "open"
"""The form of any other question."""
FORMS: Final = (CHOICE, OPEN)
_OPTIONS: Final = TRAITS.index("options")
_MOST_CHARACTERS: Final = 4000
"""Of a question that are looked at: a decision takes milliseconds, however long the question is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the members see of a question.

    Attributes:
        grams: its words and their pairs where it names options; pieces of its words where it is open. Of open
            questions there are fewer, and they say the same in many ways.
        traits: `[traits]`.
        vector: its embedding, unit length, if there is one.
    """

    grams: Grams
    traits: Floats
    vector: Floats | None = None

    @classmethod
    def of(cls, question: str, vector: Iterable[float] | None = None) -> Reading:
        """Read `question`: the beginning and the end of a long one, what it is about and what is asked."""
        half = _MOST_CHARACTERS // 2
        text = question if len(question) <= 2 * half else f"{question[:half]}\n{question[-half:]}"
        values = None if vector is None else np.fromiter(vector, np.float32)
        traits = np.asarray(traits_of(text), np.float32)
        return cls(Grams.words(text) if _form(traits) == CHOICE else Grams.pieces(text), traits, values)

    @property
    def form(self) -> str:
        """One of `FORMS`, from the text alone."""
        return _form(self.traits)


def _form(traits: Floats) -> str:
    return CHOICE if traits[_OPTIONS] else OPEN
