"""Who asks nearly the same again, soon after an answer, was hardly served by it: a weak sign that it was bad.

Recognised in memory, without a word: of a question, only the hashes of its words are held, keyed by a number that dies
with this process, for two minutes. Words, not meanings: a question about the same thing is no retry, while a retry is
mostly the same words again, or a few of them changed.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Final

from orchestrator.ports import Clock
from orchestrator.types import Request

_WITHIN_S: Final = 120.0
"""After the end of the answer."""
_ALIKE: Final = 0.6
"""Jaccard similarity of the words (1901) from which two questions are nearly the same."""
_HELD: Final = 256
"""Answers that are remembered at most."""
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class _Asked:
    conversation: str
    words: frozenset[bytes]
    answered_s: float | None = None


class AskingAgain:
    """Remembers for two minutes what was asked. Any number of threads may use it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._one_at_a_time = Lock()

    def decided(self, request: Request, decision_id: str) -> str | None:
        """Take in a question; the decision of the answer that it asks again for, if it does.

        Only an answer that has ended can have displeased: several answers to one question at once are no retries.
        """
        question = _Asked(request.conversation, self._sketch(request.question))
        with self._one_at_a_time:
            self._drop_stale()
            former = next((key for key, asked in reversed(self._asked.items()) if self._again(asked, question)), None)
            if former is not None:
                del self._asked[former]
            self._asked[decision_id] = question
            while len(self._asked) > _HELD:
                self._asked.popitem(last=False)
        return former

    def answered(self, decision_id: str) -> None:
        """Its answer has ended."""
        with self._one_at_a_time:
            if (asked := self._asked.get(decision_id)) is not None:
                self._asked[decision_id] = _Asked(asked.conversation, asked.words, self._clock.monotonic())

    def failed(self, decision_id: str) -> None:
        """It came to no answer: who asks again then is not displeased by one."""
        with self._one_at_a_time:
            self._asked.pop(decision_id, None)

    def _drop_stale(self) -> None:
        now_s = self._clock.monotonic()
        for key, asked in list(self._asked.items()):
            if asked.answered_s is not None and now_s - asked.answered_s > _WITHIN_S:
                del self._asked[key]

    def _sketch(self, question: str) -> frozenset[bytes]:
        words = {word.lower().encode("utf-8", "replace") for word in _WORD.findall(question)}
        return frozenset(blake2b(word, digest_size=8, key=self._key).digest() for word in words)

    def _again(self, former: _Asked, question: _Asked) -> bool:
        if former.answered_s is None or former.conversation != question.conversation:
            return False
        return len(former.words & question.words) >= _ALIKE * max(1, len(former.words | question.words))
