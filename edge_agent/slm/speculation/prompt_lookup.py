"""Drafts that are copied from the prompt and from what was written."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.slm.speculation.costs import PassCosts
from edge_agent.slm.speculation.guess import Guess
from edge_agent.slm.speculation.pace import Pace

_LONGEST = 16
"""Longer matches are not told apart."""
_TRIED = 16
"""Earlier places that are looked at for one draft."""
_PRIOR = (0.25, 0.55, 0.6, 0.7, 0.75, 0.8, 0.8, 0.85, 0.85, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.95)
"""Share of right guesses by length of the match: about what SmolLM2-135M shows in answers from records."""


def lookup_pace(costs: PassCosts) -> Pace:
    """A pace whose levels are lengths of a match, less one. All sequences of a model share one, and learn together."""
    return Pace(costs, _PRIOR)


class PromptLookup:
    """Looks up what followed the last tokens when they came before (Saxena 2023, prompt lookup decoding).

    Answers from records copy names, dates and whole sentences out of the prompt. Of the latest places that hold the
    last token, the one is chosen behind which most of the tokens before it are the same, too; of equals the latest.

    The index is that of LZ77 compressors: for each token its latest place, and for each place the one before with the
    same token. Taking in a token is O(1), and so is a draft.
    """

    def __init__(self, pace: Pace) -> None:
        """Args:
        pace: from `lookup_pace`.
        """
        self._pace = pace
        self._tokens: list[int] = []
        self._latest: dict[int, int] = {}
        self._earlier: list[int] = []
        self._guess: Guess | None = None

    def propose(self, tokens: Sequence[int], most: int) -> list[int]:
        """As `Drafter.propose`."""
        if self._guess:
            self._guess.tell(self._pace, tokens)
        self._take_in(tokens)
        match, behind = self._longest_match()
        copied = self._copied(behind) if match else []
        # Each copied token that is right makes the match longer by one.
        levels = [min(match + place, _LONGEST) - 1 for place in range(len(copied))]
        self._guess = Guess(len(tokens), copied, levels)
        return copied[: min(most, self._pace.length(levels[:most]))]

    def take_bytes(self) -> int:
        """A few kilobytes are not worth counting."""
        return 0

    def _take_in(self, tokens: Sequence[int]) -> None:
        if len(tokens) < len(self._tokens):  # the sequence was taken back
            self._tokens.clear()
            self._latest.clear()
            self._earlier.clear()
        for token in tokens[len(self._tokens) :]:
            self._earlier.append(self._latest.get(token, -1))
            self._latest[token] = len(self._tokens)
            self._tokens.append(token)

    def _longest_match(self) -> tuple[int, int]:
        """How many of the last tokens came before, and the place behind them; (0, 0) if not even the last one did."""
        length, behind = 0, 0
        place = self._earlier[-1] if self._earlier else -1
        for _ in range(_TRIED):
            if place < 0 or length == _LONGEST:
                break
            if (common := self._common(place)) > length:
                length, behind = common, place + 1
            place = self._earlier[place]
        return length, behind

    def _copied(self, start: int) -> list[int]:
        """The tokens from `start` on, and then from what was copied: a text that goes round goes on doing so."""
        copied: list[int] = []
        for place in range(start, start + _LONGEST):
            beyond = place - len(self._tokens)
            copied.append(self._tokens[place] if beyond < 0 else copied[beyond])
        return copied

    def _common(self, place: int) -> int:
        """How many tokens up to and including `place` are the same as the last ones."""
        tokens, last = self._tokens, len(self._tokens) - 1
        length = 1
        while length < _LONGEST and length <= place and tokens[place - length] == tokens[last - length]:
            length += 1
        return length
