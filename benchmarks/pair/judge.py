"""When an answer counts as right."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Final

RIGHT_F1: Final = 0.5
"""A short answer from recalled turns counts as right from this F1 on."""
_ARTICLES: Final = {"a", "an", "the"}
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def token_f1(said: str, gold: str) -> float:
    """Overlap of words, 0 to 1: the harmonic mean of precision and recall, as SQuAD (Rajpurkar et al. 2016) has it.

    Case, punctuation and articles do not count.
    """
    ours, theirs = _words(said), _words(gold)
    same = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * same / (len(ours) + len(theirs)) if same else 0.0


def last_number(text: str) -> float | None:
    """The last number in a text; None where there is none. A worked answer ends with its result."""
    found = _NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def _words(text: str) -> list[str]:
    bare = text.lower().translate(str.maketrans(string.punctuation, " " * len(string.punctuation)))
    return [word for word in bare.split() if word not in _ARTICLES]


def written_right(task: str, choices: Sequence[str], gold: str, text: str) -> bool:
    """Whether the text that a model wrote is right, read as a person would.

    A letter that it begins with, an intent that it names more fully than any other, the last number; from recalled
    turns, an F1 of `RIGHT_F1` or all words of the right answer.
    """
    if task == "mmlu":
        letter = re.match(r"\W*([A-D])\b", text)
        return letter is not None and letter[1] == gold
    if task == "clinc":
        shares = [_named(choice, text) for choice in choices]
        best = max(shares)
        return best > 0 and shares[choices.index(gold)] == best and shares.count(best) == 1
    if task == "gsm8k":
        return last_number(text) == last_number(gold)
    return token_f1(text, gold) >= RIGHT_F1 or _named(gold, text) == 1.0


def _named(name: str, text: str) -> float:
    """Share of a name's words that stand in a text, by their first five letters: "booking" is "book"."""
    said = {word[:5] for word in _words(text)}
    words = [word[:5] for word in _words(name)]
    return sum(word in said for word in words) / len(words) if words else 0.0
