"""What a turn of a conversation hangs together with, beyond its row: for exports, which carry it to another store."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.types import Sensitivity

_NAMES: Final = """
SELECT records.id, name FROM records JOIN conversations USING (thread)
WHERE records.id IN (SELECT value FROM json_each(?))
"""
_MADE_FROM: Final = "SELECT record_id, made_from FROM answers WHERE record_id IN (SELECT value FROM json_each(?))"
_PROMPTS: Final = """
SELECT answer_id, key FROM answer_records JOIN records ON records.id = answer_records.record_id
WHERE answer_id IN (SELECT value FROM json_each(?)) ORDER BY answer_id, answer_records.place
"""
_LINK: Final = "INSERT OR IGNORE INTO answer_records SELECT ?, id, ? FROM records WHERE key = ?"


@dataclass(frozen=True, slots=True)
class Links:
    """Of a turn."""

    conversation: str = ""
    """The name that the user gave its conversation."""
    made_from: Sensitivity | None = None
    """Of an answer: the highest label of its prompt."""
    keys: tuple[str, ...] = ()
    """Of an answer: the keys of the records in its prompt, in their order there."""

    def fields(self) -> dict[str, object]:
        """As JSON values; what is empty is left out."""
        values = {"conversation": self.conversation, "made_from": self.made_from, "records": list(self.keys)}
        return {name: value for name, value in values.items() if value}

    @classmethod
    def of_fields(cls, given: Mapping[str, Any]) -> Links:
        """The inverse of `fields`.

        Raises:
            ValueError: a field has the wrong type or value. The message names the field, never its value.
        """
        name, made_from, keys = given.get("conversation") or "", given.get("made_from"), given.get("records") or []
        if not isinstance(name, str):
            raise ValueError("its conversation is not a name")
        if made_from is not None and made_from not in list(Sensitivity):
            raise ValueError("its made_from is none of public, personal and private")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ValueError("its records are not a list of keys")
        return cls(name, Sensitivity(made_from) if made_from else None, tuple(keys) if made_from else ())


NO_LINKS: Final = Links()


def links_of(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Links]:
    """Record id → its links, of those that have any."""
    given = json.dumps(ids)
    names = dict(connection.execute(_NAMES, (given,)).fetchall())
    made_from = dict(connection.execute(_MADE_FROM, (given,)).fetchall())
    keys = defaultdict[int, list[str]](list)
    for answer_id, key in connection.execute(_PROMPTS, (given,)):
        keys[answer_id].append(key)
    return {
        turn: Links(
            names.get(turn, ""), Sensitivity(made_from[turn]) if turn in made_from else None, tuple(keys.get(turn, ()))
        )
        for turn in names | made_from
    }


def keep(connection: sqlite3.Connection, record_id: int, thread: str, links: Links) -> None:
    """Link a turn that was just added. Records that are not here are left out, and so is a name that is taken."""
    if links.conversation and thread:
        connection.execute("INSERT OR IGNORE INTO conversations VALUES (?, ?)", (thread, links.conversation))
    if links.made_from is not None:
        connection.execute("INSERT INTO answers VALUES (?, ?)", (record_id, links.made_from.value))
        connection.executemany(_LINK, ((record_id, place, key) for place, key in enumerate(links.keys)))
