"""One person under many names: addresses, numbers and nicknames of a contact; and several who share a name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.importers import import_paths
from edge_agent.context.items import Item
from edge_agent.context.people import plain
from edge_agent.context.schema import SCHEMA, create_aliases
from edge_agent.context.store import SqliteContextStore
from edge_agent.database import Database, Schema
from orchestrator.types import Record

CARDS = """\
BEGIN:VCARD
VERSION:3.0
UID:nik
FN:Nikolai Petrov
NICKNAME:Nik
TEL;TYPE=CELL:+49 (0)170 123 45 67
EMAIL:nikolai@petrov.example
NOTE:My brother. Plays the cello.
END:VCARD
BEGIN:VCARD
VERSION:3.0
UID:anna-s
FN:Anna Schmidt
EMAIL:anna.s@example.org
TEL:+49 30 5550100
END:VCARD
BEGIN:VCARD
VERSION:3.0
UID:anna-m
FN:Anna Maier
EMAIL:anna.m@example.org
TEL:+49 30 5550100
END:VCARD
"""
MESSAGES = [
    ("mail", "nikolai@petrov.example", "The rehearsal is moved to Thursday"),
    ("chat", "+49 170 1234567", "I lost my bow on the ferry"),
    ("chat", "Nikolai", "Bring rosin, please"),
    ("mail", "anna.s@example.org", "The lease is signed"),
    ("mail", "anna.m@example.org", "My goat had twins"),
    ("chat", "+49 30 5550100", "Dinner is at eight"),
]


def write(store: SqliteContextStore, folder: Path, cards: str = CARDS) -> None:
    path = folder / "contacts.vcf"
    path.write_text(cards, encoding="utf-8")
    import_paths(store, [path])


@pytest.fixture
def known(store: SqliteContextStore, tmp_path: Path) -> SqliteContextStore:
    """Three contacts, and messages by address, number and name."""
    store.put(Item(Record(kind=kind, people=(who,), body=text), key=text) for kind, who, text in MESSAGES)
    write(store, tmp_path)
    return store


def told(store: SqliteContextStore, question: str, now: datetime) -> set[str]:
    """The messages that a question brings."""
    hits = store.recall(question, limit=8, now=now)
    return {hit.record.body for hit in hits if hit.record.kind != "contact"}


@pytest.mark.parametrize("name", ["Nik", "Nikolai", "Nikolai Petrov", "Petrov"])
def test_a_contact_is_found_by_address_number_and_first_name(
    known: SqliteContextStore, monday: datetime, name: str
) -> None:
    assert told(known, f"What did {name} write?", monday) == {text for _, _, text in MESSAGES[:3]}


def test_what_a_contact_is_to_the_user_is_a_name_too(known: SqliteContextStore, monday: datetime) -> None:
    assert told(known, "What did my brother write?", monday) == {text for _, _, text in MESSAGES[:3]}
    assert told(known, "What did my sister write?", monday) == set()


def test_what_they_wrote_about_is_found_among_it(known: SqliteContextStore, monday: datetime) -> None:
    hits = known.recall("What did Nik lose on the ferry?", limit=8, now=monday)
    assert hits[0].record.body == "I lost my bow on the ferry"
    assert hits.confidence > 0.5
    assert known.recall("Did Anna lose a bow on the ferry?", limit=8, now=monday).confidence < 0.5


def test_two_of_one_name_stay_two_people(known: SqliteContextStore, monday: datetime) -> None:
    assert told(known, "What did Anna Maier write?", monday) == {"My goat had twins"}
    assert told(known, "What did Anna Schmidt write?", monday) == {"The lease is signed"}


def test_a_number_that_two_share_is_nobodys(known: SqliteContextStore, monday: datetime) -> None:
    for name in ("Anna Maier", "Anna Schmidt", "Maier"):
        assert "Dinner is at eight" not in told(known, f"What did {name} write?", monday)


def test_two_cards_of_one_person_are_one(known: SqliteContextStore, monday: datetime) -> None:
    twin = Record(kind="contact", title="Nikolai Petrov", people=("Nikolai Petrov",), body="nikolai@petrov.example")
    known.add(twin)
    assert told(known, "What did Nikolai Petrov write?", monday) == {text for _, _, text in MESSAGES[:3]}


def test_a_change_of_the_card_is_followed_and_what_is_forgotten_leaves_nothing(
    known: SqliteContextStore, monday: datetime, tmp_path: Path
) -> None:
    write(known, tmp_path, CARDS.replace("nikolai@petrov.example", "nik@new.example"))
    assert told(known, "What did Nik write?", monday) == {text for _, _, text in MESSAGES[1:3]}
    for record in known.list():
        known.forget(record.id or 0)
    with known._database.lend() as db:
        assert db.execute("SELECT count(*) FROM aliases").fetchone() == (0,)
    assert b"petrov" not in b"".join(path.read_bytes() for path in tmp_path.glob("context.db*"))


def test_an_earlier_store_learns_its_people(tmp_path: Path, monday: datetime) -> None:
    path = tmp_path / "old.db"
    before = SCHEMA.steps[: SCHEMA.steps.index(create_aliases)]
    for opened in _opened(path, Schema(SCHEMA.noun, before)):
        with opened.write() as db:
            for kind, who, body in (*MESSAGES[:1], ("contact", "Nik", "Email: nikolai@petrov.example.")):
                db.execute(
                    "INSERT INTO records (kind, title, body, people, place, source, sensitivity)"
                    " VALUES (?, '', ?, json_array(?), '', '', 'personal')",
                    (kind, body, who),
                )
    with SqliteContextStore(path) as store:
        assert told(store, "What did Nik write?", monday) == {"The rehearsal is moved to Thursday"}


def _opened(path: Path, schema: Schema) -> Iterator[Database]:
    database = Database(path, schema)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("+49 170 1234567", "0170/123 45 67"),
        ("+1 (555) 010-1234", "555-010-1234"),
        ("Nik@Example.ORG", "Nikolai <nik@example.org>"),
        ("Oma  Hilde", "oma hilde"),
    ],
)
def test_one_name_is_written_in_many_ways(written: str, same: str) -> None:
    assert plain(written) == plain(same)


@given(st.text(max_size=60))
def test_any_text_may_be_a_person(text: str) -> None:
    assert plain(plain(text)) == plain(text)
