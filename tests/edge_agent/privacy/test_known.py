"""What the store knows, found in texts: exactly and inflected, as private as it is at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.items import Item
from edge_agent.context.schema import SCHEMA, create_clues, weigh_clues_by_label
from edge_agent.context.store import SqliteContextStore
from edge_agent.database import Database, Schema
from edge_agent.privacy.known import Known
from orchestrator.privacy.finding import Kind
from orchestrator.types import Record, Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity


def record(kind: str, *people: str, body: str = "It is so.", place: str = "", label: Sensitivity = PERSONAL) -> Record:
    return Record(kind=kind, title="", body=body, people=people, place=place, source="user", sensitivity=label)


RECORDS = [
    record(
        "contact",
        *("Anna Maier", "Annie"),
        body="Phone number: +49 170 1234567.\nEmail: anna@maier.example.",
        place="Hauptstr. 12, 79098 Freiburg, Germany",
    ),
    record("contact", "Mark Brown"),
    record("contact", "Ольга Смирнова"),
    record("contact", "Agnieszka Wiśniewska"),
    record("contact", "Νίκος Παππάς"),
    record("contact", "Matti Virtanen"),
    record("contact", "山田太郎"),
    record("contact", "Łukasz Müller"),
    record("contact", "Pavel Novák"),
    record("contact", "Will May"),
    record("contact", "Péter Szabó"),
    record("event", "Dr. Weiss", place="Café Blau, Rose Lane 4", label=PRIVATE),
    record(
        "note",
        body="The locker is ZX-48213-QP, account 1234 5678 90, with 812.10 on it. Ask for Quimbolt there.",
        label=PRIVATE,
    ),
    record("note", body="Bank: DE89 3704 0044 0532 0130 00."),
    record("mail", "Deutsche Bahn", "Jürgen von der Heide <heide@mail.example>", "Patrick O’Neil"),
    record("mail", "shop@example.org", body="Parcel 77120934 for 127.60 euros, all the best"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteContextStore]:
    with SqliteContextStore(tmp_path_factory.mktemp("known") / "context.db") as store:
        for each in RECORDS:
            store.add(Item(each, marked=each.sensitivity is PRIVATE))
        yield store


def found(store: SqliteContextStore, text: str) -> list[str]:
    """The words of `text` that tell of what is known."""
    return [text[finding.start : finding.end] for finding in Known(store).find(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("When does Anna come?", ["Anna"]),
        ("anna's car, ANNA MAIER and annie", ["anna", "ANNA MAIER", "annie"]),
        ("Annas Auto steht bei Maiers", ["Annas", "Maiers"]),
        ("Anny Maierové, pro Pavla s Novákem", ["Anny Maierové", "Pavla", "Novákem"]),
        ("Annával és Péterrel", ["Annával", "Péterrel"]),
        ("Anna-Maier, or Maier, Anna", ["Anna-Maier", "Maier, Anna"]),
        ("lukasz mueller and Lukasz Muller", ["lukasz mueller", "Lukasz Muller"]),
        ("patrick o'neil's mail, Oneil, l'histoire d'Anna", ["patrick o'neil", "Oneil", "d'Anna"]),
        ("Juergen von der Heide wrote", ["Juergen von der Heide"]),
        ("у Ольги, с Ольгой Смирновой", ["Ольги", "Ольгой Смирновой"]),
        ("o Agnieszce Wiśniewskiej", ["Agnieszce Wiśniewskiej"]),
        ("με τον Νίκο και του Νίκου", ["Νίκο", "Νίκου"]),
        ("Virtaselta, ja Virtasen", ["Virtaselta", "Virtasen"]),
        ("昨日山田太郎さんに", ["山田太郎"]),
        ("to Hauptstrasse 12, D´Anna sees Péternek", ["Hauptstrasse 12", "D´Anna", "Péternek"]),
        ("my DE89370400440532013000", ["89370400440532013000"]),
        ("I told Mark. Mark is late", ["Mark", "Mark"]),
        ("ask Will, not Will's brother", ["Will", "Will"]),
        ("call 0170 123 45 67, or 00491701234567", ["0170 123 45 67", "00491701234567"]),
        ("write to ANNA@maier.example", ["ANNA@maier.example"]),
        ("go to Hauptstr. 12 in Freiburg", ["Hauptstr. 12", "Freiburg"]),
        ("at cafe blau, 4 rose lane", ["cafe blau", "4 rose lane"]),
        ("is the Deutsche Bahn late", ["Deutsche Bahn"]),
        ("zx48213qp or ZX 48213", ["zx48213qp", "48213"]),
        ("the account 1234567890", ["1234567890"]),
        ("the parcel 77120934", ["77120934"]),
        ("127.60 of 812.10", ["812.10"]),
        ("who is Quimbolt?", ["Quimbolt"]),
    ],
)
def test_found(store: SqliteContextStore, text: str, words: list[str]) -> None:
    assert found(store, text) == words


@pytest.mark.parametrize(
    "text",
    [
        "Mark the date, and mark it well.",
        "Will you come in May? You may, if you will.",
        "Brown bread and a brown bear",
        "What is a banana, a manner, an annex?",
        "In 2026 on 2026-11-21 at 12:30",
        "Ask for the locker there, it is so.",
    ],
)
def test_plain_words_are_left_alone(store: SqliteContextStore, text: str) -> None:
    assert found(store, text) == []


def test_labels_and_sources(store: SqliteContextStore) -> None:
    texts = {"Anna": PERSONAL, "Weiss": PRIVATE, "Café Blau": PRIVATE, "1234567890": PRIVATE, "77120934": PERSONAL}
    for text, label in texts.items():
        (finding,) = Known(store).find(f"about {text}")
        assert finding.label is label
        assert text.split()[0] in repr(store.get(int(finding.source.removeprefix("record ")))) or text.isdigit()


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ([("contact", PRIVATE), ("chat", PERSONAL)], PERSONAL),
        ([("contact", PERSONAL), ("note", PRIVATE)], PERSONAL),
        ([("contact", PRIVATE), ("note", PRIVATE)], PRIVATE),
        ([("event", PUBLIC), ("note", PRIVATE)], PERSONAL),
    ],
)
def test_a_name_is_as_private_as_the_least_sensitive_record_that_tells_it(
    tmp_path: Path, labels: list[tuple[str, Sensitivity]], label: Sensitivity
) -> None:
    with SqliteContextStore(tmp_path / "context.db") as store:
        for kind, each in labels:
            store.add(Item(record(kind, "Felix Berg", label=each), marked=each is PRIVATE, chosen=each))
        (finding,) = Known(store).find("What did Felix Berg write about the hike?")
        assert finding.label is label
        told_by = store.get(int(finding.source.removeprefix("record ")))
        assert told_by.sensitivity.rank == min(each.rank for _, each in labels)


@given(st.sampled_from(["Anna", "anna", "Novák", "NOVAK", "Maier"]), st.text(" .,;:!?()'\"-\n", min_size=1, max_size=4))
def test_no_sign_around_a_name_hides_it(store: SqliteContextStore, name: str, sign: str) -> None:
    assert name in "".join(found(store, f"so{sign}{name}{sign}is"))


def test_the_index_follows_the_records(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    with SqliteContextStore(path) as store, SqliteContextStore(path) as elsewhere:
        known = Known(store)
        assert known.find("Has Zbigniew rung?") == []
        record_id = elsewhere.add(record("note", "Zbigniew"))
        assert [each.label for each in known.find("Has Zbigniew rung?")] == [PERSONAL]
        elsewhere.labels.choose(PRIVATE, ids=[record_id])
        assert [each.label for each in known.find("Has Zbigniew rung?")] == [PRIVATE]
        store.put([Item(record("contact", "Zbigniew"), key="zb")])
        assert [each.label for each in known.find("Has Zbigniew rung?")] == [PERSONAL]
        store.put([Item(record("contact", "Ewelina"), key="zb")])
        assert [each.label for each in known.find("Have Zbigniew and Ewelina?")] == [PRIVATE, PERSONAL]
        elsewhere.forget_all()
        assert known.find("Have Zbigniew and Ewelina?") == []
    assert b"zbigniew" not in path.read_bytes()


_ZBIGNIEW = (
    "INSERT INTO records (kind, title, body, people, place, source, sensitivity) "
    """VALUES ('contact', '', 'so', '["Zbigniew"]', '', 'user', 'private')"""
)


def test_a_store_of_an_earlier_version_learns_its_clues(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    before = SCHEMA.steps[: SCHEMA.steps.index(create_clues)]
    with Database(path, Schema(SCHEMA.noun, before)).write() as db:
        db.execute(_ZBIGNIEW)
    with SqliteContextStore(path) as store:
        (finding,) = Known(store).find("Has Zbigniew rung?")
    assert (finding.kind, finding.label, finding.source) == (Kind.PERSON, PRIVATE, "record 1")


def test_a_contact_that_weighed_more_weighs_as_its_label(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    before = SCHEMA.steps[: SCHEMA.steps.index(weigh_clues_by_label)]
    with Database(path, Schema(SCHEMA.noun, before)).write() as db:
        db.execute(_ZBIGNIEW)
        db.execute("INSERT INTO clues VALUES (1, 'zbigniew', '', 'PERSON')")
        db.execute("INSERT INTO clue_records VALUES (1, 12, 1)")
    with SqliteContextStore(path) as store:
        for label in (PRIVATE, PERSONAL):
            store.labels.choose(label, ids=[1])
            assert [each.label for each in Known(store).find("Has Zbigniew rung?")] == [label]
