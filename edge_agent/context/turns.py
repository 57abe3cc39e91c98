"""Turns of conversations with the agent, as records: what kinds there are, and which of them recall looks at."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from itertools import islice
from typing import Final

from orchestrator.types import Record

ASKED: Final = "asked"
"""A question or a request of the user's."""
SAID: Final = "said"
"""What the user told about themselves, perhaps with a question behind it."""
ANSWERED: Final = "answered"
KINDS: Final = frozenset({ASKED, SAID, ANSWERED})

UNASKED: Final = frozenset({ASKED, ANSWERED})
"""Turns of other conversations that only a question for what was said brings back: an old question has the words of a
new one, and would stand before the record that answers both."""
UNASKED_IDS: Final = f"""
SELECT id FROM records WHERE kind IN ('{ASKED}', '{ANSWERED}')
EXCEPT SELECT id FROM records WHERE thread = :conversation AND thread != ''
"""
"""Those but for one conversation's, from two indexes alone."""

THREADS: Final = "conversation/"
"""How the thread of a conversation with the agent begins; its id follows."""

_HIDDEN: Final = """
SELECT id FROM records WHERE id IN (SELECT value FROM json_each(?)) AND kind IN ('asked', 'answered') AND thread != ?
"""
_SENTENCE: Final = re.compile(
    r"(?<=[.!?…])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\bProf\.)\s+|\n+"
)
_TELLS: Final = re.compile(
    r"^(?!(?:please |now |and |so |ok(?:ay)?,? )*"
    r"(?:what|which|who|whom|whose|when|where|why|how|do|does|did|am|is|are|was|were|can|could|will|would|shall|should"
    r"|may|might|have|has|had|tell|give|show|write|draft|explain|make|find|list|summari[sz]e|translate|suggest|help"
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


def but_turns(
    connection: sqlite3.Connection, found: Mapping[int, float], *, limit: int, conversation: str
) -> dict[int, float]:
    """The first `limit` found, without old questions and answers, but for those of one `conversation`."""
    hidden = {row[0] for row in connection.execute(_HIDDEN, (json.dumps(list(found)), conversation))}
    return dict(islice(((number, close) for number, close in found.items() if number not in hidden), limit))
