"""Whether a question in mid-conversation is best answered without what was said before it.

Where a record holds most of what the question names, and nothing in the question points back, a very small model does
better without the earlier turns: it repeats the answers that it sees instead of reading the record beside the question.
What was said earlier and matters now is among the records by then. docs/conversations.md has an example.
"""

from __future__ import annotations

import re
from typing import Final

from orchestrator.types import Message, Recollection, Request

_COVERED: Final = 0.75
"""Relevance of a record that holds most of what the question names."""
_POINTS_BACK: Final = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|then|one|ones|same|other|another"
    r"|again|instead|else|above|before|earlier|former|latter|first|second|third|last one|so far|you just)\b"
    r"|^\W*(?:what|how) about\b|^\W*(?:why|how|where|when|who|which|really|and then)\W*$",
    re.IGNORECASE,
)


def in_focus(request: Request, recollection: Recollection) -> tuple[Message, ...]:
    """What the device's model is shown: all messages, or, of the agent's own conversations, the question alone."""
    covered = any(hit.relevance >= _COVERED for hit in recollection)
    if request.history_tokens is None or not covered or _POINTS_BACK.search(request.question):
        return request.messages
    return request.messages[-1:]
