"""Which turns of a conversation came out of private records.

An HTTP client sends the whole conversation back with every question, as bare text. The labels that its answers carried
would be lost on the way, and with them law 1: what a private record said yesterday could travel to the cloud inside
today's history. So each answer's label is remembered here, under a keyed hash of its text. A message that quotes a turn
is as private as that turn is.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

from edge_agent.serve.quotations import Quotations
from orchestrator.types import Sensitivity


class Labels:
    """The labels of past turns. Keeps no text; forgets the oldest when full, and everything with the process."""

    def __init__(self, *, stranger: Sensitivity, capacity: int = 20_000) -> None:
        """`stranger` is the label of an answer that was not given here, or so long ago that it is forgotten."""
        self._stranger = stranger
        self._capacity = capacity
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, Sensitivity] = OrderedDict()
        self._quotations = Quotations()

    def remember(self, text: str, label: Sensitivity, *, is_answer: bool = True) -> None:
        """`text` was a turn with this label. Of two labels of the same text, the higher stays."""
        self._quotations.remember(text, label, is_answer=is_answer)
        key = self._hash(text)
        self._known[key] = Sensitivity.highest([label, self._known.pop(key, label)])
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)

    def knows(self, text: str) -> bool:
        """Whether `text` was a turn here, and is not forgotten."""
        return self._hash(text) in self._known

    def of_answer(self, text: str) -> Sensitivity:
        """The label of an assistant's turn."""
        return self._known.get(self._hash(text), self._stranger)

    def of_question(self, text: str) -> Sensitivity:
        """The label of an earlier question: that of the answer it got. Otherwise it counts as `of_new`."""
        return self._known.get(self._hash(text)) or self._quotations.label_in(text)

    def of_new(self, text: str) -> Sensitivity:
        """The label of a system message or of a new question: public, but for what it quotes.

        A question that was asked before is new: what it is answered from now is what counts.
        """
        return Sensitivity.PUBLIC if self.knows(text) else self._quotations.label_in(text)

    def _hash(self, text: str) -> bytes:
        # Clients trim; a lone surrogate cannot be encoded strictly.
        return hashlib.blake2b(text.strip().encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()
