"""Whom records speak of: whether what fits a question best is about the people it names, or about others.

"Which race did Ada run?" is answered by what Ada says of herself, and by what others say to her: "I" in her own
messages, "you" in those to her. Where everything that fits is said by Bo of himself, the question has no answer,
however well its words fit.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from edge_agent.context.candidates import Candidate
from edge_agent.context.vocabulary import Vocabulary

_POWER: Final = 4
"""What fits half as well counts a sixteenth: the best speak, and many bad ones do not outvote a good one."""
_CONSIDERED: Final = 32
"""The best records by their own score; those behind them would hardly count."""
_CHARACTERS: Final = 1000
"""Read of a message: enough to tell whom it speaks of."""
_BODIES: Final = "SELECT id, substr(body, 1, ?) FROM records WHERE id IN (SELECT value FROM json_each(?))"
_WORD: Final = re.compile(r"\w+")
_FIRST: Final = frozenset({"i", "me", "my", "mine", "myself", "we", "us", "our", "ours"})
_TOLD: Final = r"\b{}(?:['’]s\b|\s+(?!and\b)[^\W\d_])"
_SECOND: Final = frozenset({"you", "your", "yours", "yourself", "u"})


def certainty(
    connection: sqlite3.Connection,
    vocabulary: Vocabulary,
    candidates: Mapping[int, Candidate],
    scores: Mapping[int, float],
) -> float:
    """The chance that what fits best is about somebody whom the question names, 0 to 1.

    Each record's score, to the fourth power, is divided between them and everybody else, by the share of the record
    that speaks of them; the chance is their part of the whole. 0.5: as much is about others as about them. Where no
    record speaks for or against them the chance is 1.

    Args:
        connection: of a context store.
        vocabulary: of a question that names somebody.
        candidates: by their ids.
        scores: of the same, 0 or more, each by itself: without what its neighbours lend it.
    """
    best = sorted(scores, key=lambda number: (-scores[number], number))[:_CONSIDERED]
    top = scores[best[0]] if best else 0.0
    if top <= 0:
        return 1.0
    bodies = _bodies(connection, [number for number in best if candidates[number].is_message])
    circles = _circles(candidates.values())
    about_them = about_others = 0.0
    for number in best:
        share = _share(candidates[number], vocabulary, circles, bodies.get(number, ""))
        if share is not None:
            about_them += (scores[number] / top * share) ** _POWER
            about_others += (scores[number] / top * (1 - share)) ** _POWER
    everybody = about_them + about_others
    return about_them / everybody if everybody else 1.0


def speaks(candidate: Candidate, vocabulary: Vocabulary) -> bool:
    """Whether a record has a say in what is asked about those whom the question names.

    Everybody has a birthday and a telephone: a note or a contact that is about others says nothing for or against them.
    """
    if not vocabulary.names or candidate.is_message or candidate.of_named:
        return True
    return not vocabulary.named.isdisjoint(candidate.match.places)


def _bodies(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, str]:
    return dict(connection.execute(_BODIES, (_CHARACTERS, json.dumps(ids))).fetchall())


def _circles(candidates: Iterable[Candidate]) -> dict[str, set[str]]:
    """Thread → who takes part in it, as far as the candidates show."""
    circles: dict[str, set[str]] = defaultdict(set)
    for candidate in candidates:
        if candidate.thread and candidate.is_message:
            circles[candidate.thread].update(candidate.people)
    return circles


def _share(candidate: Candidate, vocabulary: Vocabulary, circles: Mapping[str, set[str]], body: str) -> float | None:
    """How much of a record is about those whom the question names; None where it has no say."""
    if not candidate.is_message:
        return 1.0 if speaks(candidate, vocabulary) else None
    written = candidate.of_named
    words = _WORD.findall(body.lower())
    first, second = sum(word in _FIRST for word in words), sum(word in _SECOND for word in words)
    of_writer = (first + 1) / (first + second + 1)  # without either word it is the writer's
    circle = {*candidate.people[1:], *circles.get(candidate.thread, ())}.difference(candidate.people[:1])
    named = {person for person in circle if vocabulary.names_person(person)}
    if written:
        return 1.0 if circle and named == circle else of_writer
    if _tells_of(body, vocabulary.names.union(*(person.own_parts for person in vocabulary.people))):
        return 1.0
    return 1 - of_writer if named else 0.0


def _tells_of(body: str, names: frozenset[str]) -> bool:
    """Whether one of the names stands inside a sentence: "Ada's kiln", "Ada moved", but not "Thanks, Ada!"."""
    lowered = body.lower()
    return any(name in lowered and re.search(_TOLD.format(re.escape(name)), lowered) for name in names)
