"""Where candidates have the words of a question: its column, and how many words stand before it there."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from edge_agent.context.relevance import BODY, PEOPLE, TITLE
from edge_agent.context.vocabulary import Word, stems

_IN_INDEX: Final = """
SELECT doc, col, offset FROM records_places_of_words
WHERE term = ? AND doc IN (SELECT value FROM json_each(?))
"""
_COLUMNS: Final = (TITLE, BODY, PEOPLE, "place")
_BETWEEN: Final = "\x1f"
_TEXTS: Final = """
SELECT id, replace(title, char(31), ' ') || char(31) || replace(body, char(31), ' ')
    || char(31) || people || char(31) || replace(place, char(31), ' ')
FROM records WHERE id IN (SELECT value FROM json_each(?))
"""
"""A record as one text: its columns are told apart by a character that no JSON has, and that is as good as a space."""
_WORD: Final = re.compile(r"[^\W_]+")


class Place(NamedTuple):
    """Word number `word` of the question stands in a record."""

    word: int
    record_id: int
    column: str
    offset: int


def places(connection: sqlite3.Connection, words: Sequence[Word], records: Collection[int]) -> Iterator[Place]:
    """Every place of the words in these records.

    Rare words are looked up in the index. To go through all places of a common one would take too long: where there is
    one, the words are looked for in the texts, and there stemmed as the index does it.
    """
    ids = json.dumps(list(records))
    present = [(number, word) for number, word in enumerate(words) if word.holding]
    if any(word.common for _, word in present):
        yield from _in_texts(connection, present, ids)
        return
    for number, word in present:
        yield from (Place(number, *row) for row in connection.execute(_IN_INDEX, (word.stem, ids)))


def _in_texts(connection: sqlite3.Connection, words: Sequence[tuple[int, Word]], ids: str) -> Iterator[Place]:
    beginnings = [(number, _beginning(word.stem, _folded(word.text))) for number, word in words]
    found: list[tuple[Place, str]] = []
    for record_id, text in connection.execute(_TEXTS, (ids,)):
        folded = _folded(text)
        for number, beginning in beginnings:
            for at, token in _beginning_with(beginning, folded):
                column = _COLUMNS[folded.count(_BETWEEN, 0, at)]
                offset = len(folded[folded.rfind(_BETWEEN, 0, at) + 1 : at].split())
                found.append((Place(number, record_id, column, offset), token))
    tokens = sorted({token for _, token in found})
    stem_of = dict(zip(tokens, stems(connection, tokens), strict=True))
    wanted = {number: word.stem for number, word in words}
    yield from (place for place, token in found if stem_of[token] == wanted[place.word])


def _beginning(stem: str, word: str) -> str:
    """What both begin with, and so every word of that stem: "happ" of "happi" and "happy"."""
    return stem[: next((at for at, (a, b) in enumerate(zip(stem, word, strict=False)) if a != b), len(stem))]


def _beginning_with(beginning: str, text: str) -> Iterator[tuple[int, str]]:
    """Each word of `text` that begins so, and where."""
    at = text.find(beginning) if beginning else -1
    while at >= 0:
        if (word := _WORD.match(text, at)) and (at == 0 or not text[at - 1].isalnum()):
            yield at, word.group()
        at = text.find(beginning, at + len(beginning))


def _folded(text: str) -> str:
    """In small letters and without diacritics, as the index has it."""
    lowered = text.lower()
    if lowered.isascii():
        return lowered
    return "".join(part for part in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(part))
