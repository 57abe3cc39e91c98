"""Texts that quote earlier turns: clients condense a conversation, and send it as one message of another role."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from orchestrator.types import Sensitivity

_WORD: Final = re.compile(r"[^\W_]+")
_WINDOW: Final = 6
"""Words in a row that are nobody's but the turn's. A shorter answer counts as a whole."""
_FEWEST: Final = 3
"""Words of an answer: "Yes, certainly" is in too many texts."""


class Quotations:
    """Which runs of words stood in turns that are more than public. Keeps no text: a hash of each run, in this process.

    Case, punctuation and line breaks do not count. What was said in other words is not found.
    """

    def __init__(self, *, capacity: int = 200_000) -> None:
        """`capacity` is of runs; the oldest are forgotten first."""
        self._capacity = capacity
        self._runs: OrderedDict[int, Sensitivity] = OrderedDict()
        self._sizes: set[int] = set()

    def remember(self, text: str, label: Sensitivity, *, is_answer: bool) -> None:
        """`text` was a turn with this label. A short question is not remembered: many begin alike."""
        if label is Sensitivity.PUBLIC:
            return
        words = _words(text)
        size = min(len(words), _WINDOW)
        if size < (_FEWEST if is_answer else _WINDOW):
            return
        self._sizes.add(size)
        for run in _runs(words, size):
            self._runs[run] = Sensitivity.highest([label, self._runs.pop(run, label)])
        while len(self._runs) > self._capacity:
            self._runs.popitem(last=False)

    def label_in(self, text: str) -> Sensitivity:
        """The highest label of what a text quotes; public where it quotes nothing."""
        if not self._runs:
            return Sensitivity.PUBLIC
        words = _words(text)
        found = (self._runs.get(run) for size in self._sizes for run in _runs(words, size))
        return Sensitivity.highest([label for label in found if label is not None])


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(words: list[str], size: int) -> Iterator[int]:
    """Python's own hash of texts has a key of its own in each process."""
    return (hash(tuple(words[at : at + size])) for at in range(len(words) - size + 1))
