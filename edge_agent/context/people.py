"""One person under many names: what a contact says of itself, kept as aliases, and whom a question means by one.

"What did Nik write?" asks for the mails of nikolai@example.org and the chats of +49 170 1234567 too, where a contact
says that they are one, and so does "my landlord" where one says "Landlord." An alias that several contacts have belongs
to none of them: "Anna" stays two people, and a telephone that a family shares is nobody's.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from edge_agent.context.question import Question
from edge_agent.context.relevance import PEOPLE
from edge_agent.context.selection import is_named

NAME, PART, ADDRESS, RELATION, SENDER = "name", "part", "address", "relation", "sender"
"""What an alias is: of a contact a whole name, a word of one, an address or number, or what they are to the user; of
any other record, an address or number among its people."""

_DIGITS: Final = 8
"""The last digits of a number: with or without the country's, it is the same one."""
_CARDS: Final = 4
"""Of one person at most; more that share a name are of several."""
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER: Final = re.compile(r"\+?[\d(][\d\s()./-]{5,}")
_TOLD_NUMBER: Final = re.compile(rf"\b(?:phone|number|mobile|tel)\b[^:\n]*:\s*({_NUMBER.pattern})", re.IGNORECASE)
_RELATION: Final = re.compile(r"(?:\A|\n|[.!]\s)\s*(?:(?:my|our)\s+)?([^\W\d_]{3,})\s*(?=[.!\n]|\Z)", re.IGNORECASE)
"""A sentence of one word: "Husband.", "Our landlord." """
_OWNERS: Final = frozenset({"my", "our", "the"})
_ALL: Final = "SELECT id, kind, body, people FROM records WHERE kind = 'contact' OR people GLOB '*[@0-9]*'"
_NAMED: Final = (
    "SELECT alias, record_id FROM aliases WHERE alias IN (SELECT value FROM json_each(?)) AND role != 'sender'"
)
_OF: Final = """
SELECT alias, role, EXISTS (
    SELECT 1 FROM aliases AS other WHERE other.alias = aliases.alias AND role != 'sender' AND other.role != 'sender'
    AND other.record_id NOT IN (SELECT value FROM json_each(?1))
) FROM aliases WHERE record_id IN (SELECT value FROM json_each(?1))
"""
_SENT: Final = """
SELECT record_id FROM aliases WHERE role = 'sender' AND alias IN (SELECT value FROM json_each(?))
ORDER BY record_id DESC LIMIT ?
"""
_ALL_SENT: Final = "SELECT record_id FROM aliases WHERE role = 'sender' AND alias IN (SELECT value FROM json_each(?))"
_HAVING: Final = """
SELECT id, people FROM records WHERE id IN (SELECT rowid FROM records_fts WHERE records_fts MATCH ?)
"""
_NAMING: Final = "SELECT rowid FROM records_fts WHERE records_fts MATCH ? ORDER BY rowid DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a question means.

    Attributes:
        words: of the question, by which it names them.
        names: whole ones, and addresses and numbers, as `plain` writes them; only what no other contact has.
        parts: all words of their names.
        own_parts: those that no other contact has.
    """

    words: frozenset[str]
    names: frozenset[str]
    parts: frozenset[str]
    own_parts: frozenset[str]

    def is_called(self, person: str) -> bool:
        """Whether a record's person is them: "Nikolai", "Dr. Petrov" and "+49 170 1234567", as their contact tells."""
        name = plain(person)
        words = frozenset(_WORD.findall(name))
        return name in self.names or (words <= self.parts and not words.isdisjoint(self.own_parts))


def plain(person: str) -> str:
    """A name, an address or a number in the one form in which it is compared."""
    text = " ".join(person.lower().replace('"', " ").split())
    if _NUMBER.fullmatch(text) and len(digits := re.sub(r"\D", "", text)) >= _DIGITS - 1:
        return f"tel:{digits[-_DIGITS:]}"
    found = _ADDRESS.search(text)
    return found.group() if found else text


def aliases(kind: str, body: str, people: Sequence[str]) -> dict[str, str]:
    """Of a record: alias → what it is."""
    return _of_contact(body, people) if kind == "contact" else _of_senders(people)


def note(connection: sqlite3.Connection, found: Mapping[int, Mapping[str, str]]) -> None:
    """Keep the aliases of new or changed records, by their ids; the earlier ones are gone with the change."""
    rows = [(alias, record_id, role) for record_id, known_as in found.items() for alias, role in known_as.items()]
    if rows:
        connection.executemany("INSERT OR REPLACE INTO aliases (alias, record_id, role) VALUES (?, ?, ?)", rows)


def note_all(connection: sqlite3.Connection) -> None:
    """Keep the aliases of all records; there are none yet."""
    for record_id, kind, body, people in connection.execute(_ALL).fetchall():
        note(connection, {record_id: aliases(kind, body, json.loads(people))})


def asked(connection: sqlite3.Connection, question: Question) -> tuple[Person, ...]:
    """Whom the question means, of those whom contacts know; a name that several have means nobody."""
    wanted = [*question.words, *(f"my {word}" for word in _owned(question.words))]
    known: dict[str, set[int]] = defaultdict(set)
    for alias, record_id in connection.execute(_NAMED, (json.dumps(wanted),)):
        known[alias].add(record_id)
    if not known:
        return ()
    terms = {term.word for term in question.terms}
    people = (_person(connection, words, ids) for words, ids in _mentions(question.words, terms, known))
    return tuple(person for person in people if person is not None)


def having(connection: sqlite3.Connection, people: Sequence[Person], *, limit: int) -> list[int]:
    """The newest records that have one of these people under any name, address or number; at most twice `limit`."""
    if not people:
        return []
    names = json.dumps([name for person in people for name in person.names])
    sent = connection.execute(_SENT, (names, limit)).fetchall()
    words = sorted({word for person in people for word in person.own_parts})
    if words:
        named = " OR ".join(f'{PEOPLE} : "{word}"' for word in words)
        sent += connection.execute(_NAMING, (named, limit)).fetchall()
    return [row[0] for row in sent]


def records_of(connection: sqlite3.Connection, name: str) -> list[int]:
    """Records that have the one contact called `name` under any whole name, address or number that is theirs alone.

    None where no contact is called so, or several are: then nobody knows who is meant.
    """
    cards = connection.execute("SELECT id, people FROM records WHERE kind = 'contact'")
    called = [record_id for record_id, people in cards if is_named(name, json.loads(people))]
    if len(called) != 1:
        return []
    aliases = _aliases(connection, called).items()
    own = {alias for (alias, role), shared in aliases if role in (NAME, ADDRESS) and not shared}
    found = {row[0] for row in connection.execute(_ALL_SENT, (json.dumps(sorted(own)),))}
    for alias in own:
        if _WORD.search(alias):
            rows = connection.execute(_HAVING, (f'{PEOPLE} : "{alias}"',)).fetchall()
            found |= {record_id for record_id, people in rows if alias in map(plain, json.loads(people))}
    return sorted(found)


def _of_contact(body: str, people: Sequence[str]) -> dict[str, str]:
    names = [plain(person) for person in people]
    addresses = [*_ADDRESS.findall(body), *(match[1] for match in _TOLD_NUMBER.finditer(body))]
    return {
        **{word: PART for name in names for word in _WORD.findall(name)},
        **{f"my {match[1].lower()}": RELATION for match in _RELATION.finditer(body)},
        **{plain(address): ADDRESS for address in addresses},
        **dict.fromkeys(names, NAME),
    }


def _of_senders(people: Sequence[str]) -> dict[str, str]:
    found = (plain(person) for person in people if "@" in person or any(map(str.isdigit, person)))
    return {alias: SENDER for alias in found if "@" in alias or alias.startswith("tel:")}


def _owned(words: Sequence[str]) -> Iterator[str]:
    """What stands behind "my", "our" and "the"."""
    return (word for before, word in pairwise(words) if before in _OWNERS)


def _mentions(
    words: Sequence[str], terms: set[str], known: Mapping[str, set[int]]
) -> Iterator[tuple[list[str], set[int]]]:
    """Words of the question that name somebody, and the contacts that all of them may mean."""
    mention: list[str] = []
    ids: set[int] = set()
    for place, word in enumerate(words):
        found = known[word] if word in terms and word in known else set()
        if place and words[place - 1] in _OWNERS:
            found = found or known.get(f"my {word}", set())
        if mention and not (found & ids):
            yield mention, ids
            mention = []
        if found:
            ids = found & ids if mention else found
            mention = [*mention, word]
    if mention:
        yield mention, ids


def _person(connection: sqlite3.Connection, words: Sequence[str], ids: set[int]) -> Person | None:
    """The one whom the contacts `ids` are of; None where they are of several."""
    if len(ids) > _CARDS:
        return None
    of_each = {number: _aliases(connection, [number]) for number in ids}
    roles = {role for alias, role in set.intersection(*(set(found) for found in of_each.values()))}
    if len(ids) > 1 and not {NAME, ADDRESS} <= roles:
        return None  # two cards of one person share more than a name
    found = _aliases(connection, sorted(ids))
    own = {(alias, role) for (alias, role), shared in found.items() if not shared}
    parts = (word for alias, role in found if role in (NAME, PART) for word in _WORD.findall(alias))
    own_parts = (alias for alias, role in own if role == PART or (role == NAME and _WORD.fullmatch(alias)))
    names = (alias for alias, role in own if role in (NAME, ADDRESS))
    return Person(frozenset(words), frozenset(names), frozenset(parts), frozenset(own_parts))


def _aliases(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[tuple[str, str], bool]:
    """Alias and what it is → whether another contact has it, too."""
    rows = connection.execute(_OF, (json.dumps(ids),))
    return {(alias, role): bool(shared) for alias, role, shared in rows}
