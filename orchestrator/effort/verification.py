"""Draft on the device, verification by the cloud: it confirms the draft in a word, or answers itself.

Reading is cheaper than writing: a cloud that reads an answer and says one word bills less than one that writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orchestrator.types import Completed, Effort, EffortReceipt, Message, ModelEvent, Sensitivity

INSTRUCTION_TOKENS: Final = 48
"""What the instruction adds to the cloud's prompt, with room for other tokenizers."""
CONFIRMING_TOKENS: Final = 3
"""Of a confirmation, its end included."""
_CONFIRMS: Final = "right"
_INSTRUCTION: Final = (
    "Check your answer. If it is right, reply with the one word RIGHT. If it is wrong, do not explain: reply with the "
    "correct answer to my question."
)
_MORE_EVENTS: Final = 4
"""After the confirming word: its full stop, and the bill."""
_HELD_BACK: Final = len(_CONFIRMS) + 1


def question_of(messages: Sequence[Message], draft: str, made_from: Sensitivity) -> tuple[Message, ...]:
    """What the cloud is asked: its own prompt, the draft as an answer to it, and what to do.

    Args:
        messages: the prompt as composed for the cloud.
        draft: the device's answer.
        made_from: the highest label of what the draft was made from: it may leave where that may.
    """
    return (*messages, Message("assistant", draft, made_from), Message("user", _INSTRUCTION))


class Verification:
    """Reads the cloud's reply as it comes: its first word says whether the rest is an answer."""

    def __init__(self) -> None:
        self.confirmed: bool | None = None
        """None until the reply has said so."""
        self._seen = ""
        self._further = 0

    def take(self, event: ModelEvent, text: str) -> str:
        """Take an event of the cloud's, whose text is `text`; what of it is to be shown."""
        self._further += self.confirmed is True
        return self.push(text) + (self.end() if isinstance(event, Completed) else "")

    @property
    def told_enough(self) -> bool:
        """Whether it was confirmed and the cloud still talks: it is not listened to, nor paid, any longer."""
        return self._further > _MORE_EVENTS

    @property
    def in_words(self) -> str:
        """What came of it."""
        return {
            None: "the device's draft was not checked",
            True: "the cloud found the device's draft right",
            False: "the cloud answered in place of the device's draft",
        }[self.confirmed]

    def push(self, text: str) -> str:
        """Take more of the reply; what of it is to be shown."""
        if self.confirmed is not None:
            return "" if self.confirmed else text
        self._seen += text
        said = self._seen.lstrip(" \n\"'*").casefold()
        if len(said) < _HELD_BACK and _CONFIRMS.startswith(said[: len(_CONFIRMS)]):
            return ""
        return self._conclude(said)

    def end(self) -> str:
        """The reply has ended; what of it is still to be shown."""
        return "" if self.confirmed is not None else self._conclude(self._seen.lstrip(" \n\"'*").casefold())

    def _conclude(self, said: str) -> str:
        self.confirmed = said.startswith(_CONFIRMS) and not said[len(_CONFIRMS) : _HELD_BACK].isalpha()
        return "" if self.confirmed else self._seen

    @property
    def receipt(self) -> EffortReceipt:
        """One draft, and whether it was confirmed."""
        votes = () if self.confirmed is None else (float(self.confirmed),)
        return EffortReceipt(strategy=Effort.VERIFY, samples=1, votes=votes)
