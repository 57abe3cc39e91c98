"""Which records are meant: named by id, or by what they have in common."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypedDict

from edge_agent.context.relevance import PEOPLE
from edge_agent.context.topics import folded
from orchestrator.errors import InvalidRequest
from orchestrator.types import Sensitivity

_WORD: Final = re.compile(r"[^\W_]+")
_NAMES: Final = 1024
"""Names whose words are remembered: the same few people are in most records."""


class Which(TypedDict, total=False):
    """What records have in common; see `Selection`. None is as good as left out."""

    kind: str | None
    source: str | None
    person: str | None
    since: datetime | None
    until: datetime | None
    query: str | None
    sensitivity: Sensitivity | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Records for which all that is given holds; without anything, all of them."""

    ids: tuple[int, ...] | None = None
    kind: str | None = None
    source: str | None = None
    """The file that they came from, a folder above it, or another source such as `user`."""
    person: str | None = None
    """The words of a name, all of them part of the name of one of a record's people."""
    since: datetime | None = None
    """They happen then or later. What has no time does not count; a time without a zone is this device's."""
    until: datetime | None = None
    """They happen, or begin, before then."""
    query: str | None = None
    """Words that are all in them, in any of their forms."""
    sensitivity: Sensitivity | str | None = None

    def __post_init__(self) -> None:
        """Refuse what would select by nothing.

        Raises:
            InvalidRequest: a text without a word, or an unknown label.
        """
        if self.sensitivity is not None and self.sensitivity not in list(Sensitivity):
            raise InvalidRequest("there is no such sensitivity", remedy=f"known are {', '.join(Sensitivity)}")
        for name in ("kind", "source"):
            if getattr(self, name) == "":
                raise InvalidRequest(f"the {name} is empty", remedy="name one, or leave it out")
        for name in ("person", "query"):
            if (text := getattr(self, name)) is not None and not _WORD.search(text):
                raise InvalidRequest(f"the {name} has no word in it", remedy="give a word, or leave it out")


def selected(connection: sqlite3.Connection, selection: Selection, *, limit: int | None = None) -> list[int]:
    """Ids of the records that are meant, the newest id first; at most `limit` of them."""
    conditions = _conditions(selection)
    where = " AND ".join(sql for sql, _ in conditions) or "true"
    values = [value for _, values in conditions for value in values]
    rows = connection.execute(f"SELECT id, people FROM records WHERE {where} ORDER BY id DESC", values)
    if selection.person is None:
        ids = (row[0] for row in rows)
    else:
        person = selection.person
        ids = (record_id for record_id, people in rows if is_named(person, json.loads(people)))
    return list(islice(ids, limit))


def _conditions(selection: Selection) -> list[tuple[str, list[Any]]]:
    """What SQL can tell, as conditions on `records` with their values."""
    found: list[tuple[str, list[Any]]] = []
    if selection.ids is not None:
        found.append(("id IN (SELECT value FROM json_each(?))", [json.dumps(selection.ids)]))
    exact = {"kind": selection.kind, "sensitivity": selection.sensitivity}
    found += [(f"{column} = ?", [wanted]) for column, wanted in exact.items() if wanted is not None]
    if selection.source is not None:
        path = os.path.abspath(os.path.expanduser(selection.source))
        below = os.path.join(path, "")
        found.append(("(source IN (?, ?) OR substr(source, 1, ?) = ?)", [selection.source, path, len(below), below]))
    for sign, moment in ((">=", selection.since), ("<", selection.until)):
        if moment is not None:
            found.append((f"starts_at {sign} ?", [moment.timestamp()]))
    for column, text in ((PEOPLE, selection.person), ("", selection.query)):
        if text is not None:
            found.append(
                ("id IN (SELECT rowid FROM records_fts WHERE records_fts MATCH ?)", [_all_words(text, column)])
            )
    return found


def _all_words(text: str, column: str | int) -> str:
    """An FTS5 query for the records that have every word. Each is quoted, so nothing in `text` is read as syntax."""
    words = " AND ".join(f'"{word}"' for word in _WORD.findall(text))
    return f"{column} : ({words})" if column else words


def is_named(person: str, people: Iterable[str]) -> bool:
    """Whether all words of `person` are part of one name of `people`. Case and accents do not count."""
    words = _words(person)
    return bool(words) and any(words <= _words(name) for name in people)


@lru_cache(_NAMES)
def _words(name: str) -> frozenset[str]:
    return frozenset(_WORD.findall(folded(name)))
