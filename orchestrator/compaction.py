"""Earlier turns of a conversation within a number of tokens: the newest word for word, the older ones condensed.

It happens in steps. Turns are added word for word until their room is full; then the oldest are condensed until a third
of the room is left of them, and it fills up again. Between two steps a prompt begins with the whole one before it, and
a model that keeps what it has read reads only what is new. The steps follow from the turns alone: a conversation that
is taken up again is shown as if it had never been left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from orchestrator.condensing import condense
from orchestrator.token_counts import CountTokens
from orchestrator.types import Message, Sensitivity

_SUMMARY_SHARE: Final = 1 / 4
"""Of the room, for what older turns are condensed to."""
_KEPT_SHARE: Final = 1 / 3
"""Of the room, for turns that stay word for word when older ones are condensed."""
_NOTHING: Final = (Message("user", ""),)


@dataclass(frozen=True, slots=True)
class Past:
    """Earlier turns as a prompt shows them."""

    turns: tuple[Message, ...] = ()
    """The newest, word for word."""
    summary: str = ""
    """What mattered in the older ones."""
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    """Of the summary: the highest label of what it was made from."""


def compact(said: Sequence[Message], shown: Sequence[Message], *, room_tokens: int, count: CountTokens) -> Past:
    """Earlier turns in at most about `room_tokens`.

    Args:
        said: what was said.
        shown: the same turns as they stand in a prompt, with their records.
        room_tokens: for all of it; the count of the whole prompt has the last word.
        count: tokens of a prompt with these messages.
    """
    if room_tokens <= 0 or not said:
        return Past()
    frame = count(_NOTHING)
    starts = [at for at, turn in enumerate(said) if turn.role == "user" or at == 0]
    costs = [count(shown[start:end]) - frame for start, end in pairwise([*starts, len(said)])]
    if sum(costs) <= room_tokens:
        return Past(tuple(shown))
    kept = _first_kept(costs, room_tokens)
    start = starts[kept] if kept < len(starts) else len(said)

    def fits(lines: Sequence[str]) -> bool:
        return sum(count([Message("user", line)]) - frame + 1 for line in lines) <= room_tokens * _SUMMARY_SHARE

    older = said[:start]
    label = Sensitivity.highest([turn.sensitivity for turn in older])
    return Past(tuple(shown[start:]), condense(older, fits=fits), label)


def _first_kept(costs: Sequence[int], room: int) -> int:
    """The first exchange that stays word for word, for exchanges that cost so many tokens; their number for none."""
    first, held, limit = 0, 0, float(room)
    for end, cost in enumerate(costs, start=1):
        held += cost
        if held > limit:
            first, held = end, 0
            while first and held + costs[first - 1] <= room * _KEPT_SHARE:
                first -= 1
                held += costs[first]
            limit = room * (1 - _SUMMARY_SHARE)
            if first == end and cost <= limit:  # the latest is long, and yet the one that is spoken of
                first, held = end - 1, cost
    return first
