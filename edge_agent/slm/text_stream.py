"""Tokens to the text that is shown: whole characters, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.slm.stop_strings import StopScanner
from edge_agent.slm.tokenizer import Tokenizer


class TextStream:
    """The text of an answer as its tokens come. `stopped` once a stop string was completed."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str], *, behind: str = "", owed_spaces: int = 0) -> None:
        """Args:
        tokenizer: whose tokens come.
        stops: strings that end the answer and are not part of it.
        behind: text right in front of the answer, already shown.
        owed_spaces: that many spaces were shown, but not to the model: it may write them once more.
        """
        self._characters = tokenizer.stream(behind)
        self._scanner = StopScanner(stops)
        self._owed_spaces = owed_spaces

    @property
    def stopped(self) -> bool:
        """Whether a stop string has ended the text."""
        return self._scanner.stopped

    def push(self, token: int) -> str:
        """The text that can be shown now."""
        return self._scanner.push(self._pay(self._characters.push(token)))

    def flush(self) -> str:
        """What was held back, when no more tokens come; empty after a stop string."""
        if self.stopped:
            return ""
        return self._scanner.push(self._pay(self._characters.flush())) + self._scanner.flush()

    def _pay(self, text: str) -> str:
        """Drop leading spaces that are already on the screen."""
        if not (text and self._owed_spaces):
            return text
        rest = text.lstrip(" ")
        spaces = len(text) - len(rest)
        owed, self._owed_spaces = self._owed_spaces, 0 if rest else max(0, self._owed_spaces - spaces)
        return text[min(spaces, owed) :]
