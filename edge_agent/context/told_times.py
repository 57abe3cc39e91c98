"""A second look at the best candidates: which of them tell a time, where a question asks when.

"When did Ada run?" is answered by "I ran yesterday", and seldom by "I love to run": the first has no more words in
common with the question than the second, nor is it closer in meaning.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Final

from edge_agent.context.candidates import Candidate
from edge_agent.context.when import MONTHS, WEEKDAYS

_CONSIDERED: Final = 50
"""The best by their score: others would not come to the front."""
_CHARACTERS: Final = 1000
_BODIES: Final = "SELECT id, substr(body, 1, ?) FROM records WHERE id IN (SELECT value FROM json_each(?))"
_WORD: Final = re.compile(r"\w+")
_WORDS: Final = frozenset(
    (
        *("yesterday", "today", "tonight", "tomorrow", "ago", "since", "recently", "last", "next"),
        *("week", "weeks", "weekend", "weekends", "month", "months", "year", "years"),
        *WEEKDAYS,
        *(month for month in MONTHS if month not in ("may", "march")),
    )
)
_NUMBERS: Final = re.compile(r"\b\d(?:\d{3}|\d?(?::\d{2}| ?[ap]m))\b", re.IGNORECASE)


def telling(
    connection: sqlite3.Connection, candidates: Mapping[int, Candidate], scores: Mapping[int, float]
) -> frozenset[int]:
    """Of the best candidates, those that tell when something is: events, and texts with words for a time."""
    best = sorted(scores, key=lambda number: (-scores[number], number))[:_CONSIDERED]
    events = {number for number in best if candidates[number].kind == "event"}
    texts = [number for number in best if number not in events]
    rows = connection.execute(_BODIES, (_CHARACTERS, json.dumps(texts)))
    return frozenset(events.union(number for number, body in rows if _tells_time(body)))


def _tells_time(text: str) -> bool:
    return not _WORDS.isdisjoint(_WORD.findall(text.lower())) or _NUMBERS.search(text) is not None
