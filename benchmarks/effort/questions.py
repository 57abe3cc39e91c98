"""Arithmetic whose answers can be checked: sums of one and two steps, and word problems, generated from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_STORIES: Final[tuple[tuple[str, Callable[[int, int, int], int]], ...]] = (
    ("{name} has {a} apples and buys {b} more. How many apples does {name} have now?", lambda a, b, c: a + b),
    ("{name} had {b} coins and lost {a} of them. How many coins are left?", lambda a, b, c: b - a),
    ("A box holds {a} pens. How many pens are in {c} boxes?", lambda a, b, c: a * c),
    ("{name} read {a} pages on Monday and {b} on Tuesday. How many pages is that in total?", lambda a, b, c: a + b),
)
"""Each with the rule of its answer, from the three numbers that it may name."""
_BRIEF: Final = "Answer with the number alone."
_NAMES: Final = ("Ann", "Ben", "Carla", "Dev", "Eva")


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its right answer, as the extractor writes numbers."""

    kind: str
    text: str
    gold: str


def questions(count: int, seed: int = 0) -> list[Question]:
    """`count` questions, their kinds in turns."""
    rng = random.Random(seed)
    makers = (_sum, _two_steps, _story)
    return [makers[at % len(makers)](rng) for at in range(count)]


def _sum(rng: random.Random) -> Question:
    a, b = rng.randint(2, 30), rng.randint(2, 30)
    return Question("sum", f"What is {a} + {b}? {_BRIEF}", str(a + b))


def _two_steps(rng: random.Random) -> Question:
    a, b, c = rng.randint(5, 15), rng.randint(5, 15), rng.randint(2, 9)
    return Question("two steps", f"What is {a} + {b} - {c}? {_BRIEF}", str(a + b - c))


def _story(rng: random.Random) -> Question:
    a, c = rng.randint(3, 12), rng.randint(2, 6)
    b = a + rng.randint(2, 15)
    story, right = rng.choice(_STORIES)
    text = story.format(name=rng.choice(_NAMES), a=a, b=b, c=c)
    return Question("word problem", f"{text} {_BRIEF}", str(right(a, b, c)))
