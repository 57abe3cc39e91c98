"""A very small model that has said what it knows often says it again, for ever. This ends it there."""

from __future__ import annotations

import re
from typing import Final

_END: Final = re.compile(r"[.!?]\s+|\n+")
_SHORTEST: Final = 20
"""Characters. A shorter sentence may well come twice."""


class RepetitionGuard:
    """Lets an answer's text through, but no sentence twice.

    While a sentence begins like an earlier one it is held back; when it turns out to be the same, the answer is over.
    Nothing that was let through is ever taken back, and how the text was cut into pieces makes no difference.
    """

    def __init__(self, shown: str = "") -> None:
        """Begin behind `shown`, which another leg of the answer has shown already."""
        self.repeated = False
        """Whether a whole sentence came again: time to stop."""
        self._said: set[str] = set()
        self._gap = ""
        """White space between what was shown and what comes next: shown only if something comes."""
        self._sentence = ""
        self._shown = 0
        """Characters of the present sentence that were let through."""
        self.push(shown)
        if self.repeated:  # what repeats already is let be: begin anew
            self.repeated, self._sentence = False, ""
        self._gap, self._shown = "", len(self._sentence)

    def push(self, text: str) -> str:
        """More of the answer; what of it may be shown now."""
        shown = ""
        self._sentence += text
        while not self.repeated and (end := _END.search(self._sentence)):
            whole, rest = self._sentence[: end.end()], self._sentence[end.end() :]
            if self._is_said(whole):
                self.repeated = True
                return shown
            sentence = whole.rstrip()
            through = max(len(sentence), self._shown)  # white space behind the words was perhaps let through with them
            shown += self._let_through(sentence)
            self._remember(sentence)
            self._gap += whole[through:]
            self._sentence, self._shown = rest, 0
        if not self.repeated and not self._may_repeat:
            shown += self._let_through(self._sentence)
        return shown

    def flush(self) -> str:
        """What was held back when the answer ended, unless it is a repetition."""
        if self.repeated or self._is_said(self._sentence) or not self._sentence.strip():
            return ""
        return self._let_through(self._sentence)

    def _let_through(self, sentence: str) -> str:
        """The part of the present sentence that was not shown yet, behind the white space before it."""
        fresh = sentence[self._shown :]
        self._shown = len(sentence)
        if fresh:
            fresh, self._gap = self._gap + fresh, ""
        return fresh

    @property
    def _may_repeat(self) -> bool:
        """Whether the present sentence so far begins like an earlier one. White space alone says nothing yet."""
        begun = self._sentence.strip()
        return not begun or any(sentence.startswith(begun) for sentence in self._said)

    def _is_said(self, sentence: str) -> bool:
        return self._shown == 0 and sentence.strip() in self._said

    def _remember(self, sentence: str) -> None:
        if len(said := sentence.strip()) >= _SHORTEST:
            self._said.add(said)
