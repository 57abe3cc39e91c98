"""Turns of conversations with the agent, as records: what kinds there are, and which of them recall looks at."""

from __future__ import annotations

import re
from typing import Final

from orchestrator.types import Record

ASKED: Final = "asked"
"""A question or a request of the user's."""
SAID: Final = "said"
"""What the user told about themselves, perhaps with a question behind it."""
ANSWERED: Final = "answered"
KINDS: Final = frozenset({ASKED, SAID, ANSWERED})

THREADS: Final = "conversation/"
"""How the thread of a conversation with the agent begins; its id follows."""

_SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+|\n+")
_TELLS: Final = re.compile(
    r"^(?!(?:what|which|who|whom|whose|when|where|why|how|do|does|did|am|is|are|was|were|can|could|will|would|shall|should"
    r"|may|might|have|has|had|tell|give|show|write|draft|explain|make|find|list|summari[sz]e|translate|suggest|help|please"
    r"|send|read|create|recommend|describe|compare|repeat|say|ask|i (?:want|need|would like|'d like) (?:you )?to)\b)"
    r".*\b(?:i|i'm|i've|i'll|my|mine|we|we're|we've|our|ours)\b|^(?:please )?(?:remember|note|don't forget)\b",
    re.IGNORECASE,
)


def kind_of(text: str) -> str:
    """`SAID` if the user tells something about themselves in a sentence of `text`, `ASKED` if not.

    The difference is what a turn is worth later: what somebody said of their life is as good as a note, while an old
    question only stands in the way of the record that answers it.
    """
    told = any(
        not sentence.rstrip().endswith("?") and _TELLS.search(sentence.replace("’", "'").strip())
        for sentence in _SENTENCE.split(text)
    )
    return SAID if told else ASKED


def repeats(record: Record, question: str) -> bool:
    """Whether `record` is the question itself, asked before: it tells nothing."""
    return record.kind in KINDS and record.body.strip() == question.strip()
