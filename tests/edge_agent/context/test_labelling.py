"""Labels in the store: choices that stand, rules that change, and records from before there were reasons."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.context.importers import import_paths
from edge_agent.context.inheriting import Relabelled
from edge_agent.context.items import Item
from edge_agent.context.labels import Labels, Rule
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import SqliteContextStore
from edge_agent.database import Database, Schema
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.types import Record, Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity
Open = Callable[..., SqliteContextStore]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens one and the same file with any rules."""
    stores: list[SqliteContextStore] = []

    def open_with(*rules: Rule) -> SqliteContextStore:
        stores.append(SqliteContextStore(tmp_path / "context.db", labels=Labels(rules)))
        return stores[-1]

    yield open_with
    for store in stores:
        store.close()


def note(body: str, source: str = "user", people: tuple[str, ...] = ()) -> Item:
    return Item(Record(kind="note", body=body, source=source, people=people), key=f"k:{body}", marked=False)


def labels(store: SqliteContextStore) -> dict[str, str]:
    return {record.body: record.sensitivity.value for record in store.list()}


def id_of(store: SqliteContextStore, body: str) -> int:
    return next(record.id for record in store.list() if record.body == body and record.id is not None)


def test_a_record_keeps_why_it_has_its_label(store: SqliteContextStore) -> None:
    store.put([note("dentist"), note("lentils")])
    found = [store.labels.why(id_of(store, body)) for body in ("dentist", "lentils")]
    assert [why.reason for why in found] == ["it is about health: dentist", "nothing says otherwise"]
    assert not any(why.is_stale for why in found)
    with pytest.raises(RecordNotFound, match="99"):
        store.labels.why(99)


def test_a_bare_record_has_at_least_its_own_label(store: SqliteContextStore) -> None:
    ids = [store.add(Record(kind="note", body="lentils", sensitivity=label)) for label in Sensitivity]
    assert [store.get(record_id).sensitivity for record_id in ids] == list(Sensitivity)
    dentist = store.add(Record(kind="note", body="dentist", sensitivity=PUBLIC))
    assert store.get(dentist).sensitivity is PRIVATE


def test_a_choice_for_a_record_stands_at_the_next_import_and_can_be_taken_back(store: SqliteContextStore) -> None:
    store.put([note("dentist")])
    record_id = id_of(store, "dentist")
    assert store.labels.choose(PUBLIC, ids=[record_id]) == Relabelled(1, lowered=1, against_rules=1)
    changed = Item(Record(kind="note", title="dentist", body="dentist", sensitivity=PRIVATE), key="k:dentist")
    store.put([changed])
    assert store.get(record_id).sensitivity is PUBLIC
    assert store.labels.choose(None, ids=[record_id]) == Relabelled(1, raised=1)
    why = store.labels.why(record_id)
    assert why.reason == "it is about health: dentist"
    assert [reason.words for reason in why.speaking[1:]] == ["it came with this label"]


def test_a_choice_for_a_source_holds_for_what_comes_later_but_not_beside_it(
    store: SqliteContextStore, tmp_path: Path
) -> None:
    vault, beside = str(tmp_path / "vault" / "a.md"), str(tmp_path / "vault2" / "b.md")
    store.put([note("dentist", vault), note("surgeon", beside)])
    assert store.labels.choose(PUBLIC, source=str(tmp_path / "vault")).lowered == 1
    store.put([note("hospital", vault)])
    assert labels(store) == {"dentist": "public", "hospital": "public", "surgeon": "private"}
    assert [choice.name for choice in store.labels.choices()] == [str(tmp_path / "vault")]
    assert store.labels.choose(None, source=str(tmp_path / "vault")) == Relabelled(2, raised=2)
    assert store.labels.choices() == []


def test_a_choice_for_a_person_holds_for_all_they_take_part_in(store: SqliteContextStore) -> None:
    store.put([note("a", people=("Felix Sommer",)), note("b", people=("Nora", "Félix")), note("c")])
    assert store.labels.choose(PRIVATE, person="felix") == Relabelled(2, raised=2)
    store.put([note("d", people=("Uncle Felix",))])
    assert labels(store) == {"a": "private", "b": "private", "c": "personal", "d": "private"}


def test_a_choice_is_about_one_thing_and_for_all_of_it_or_nothing(store: SqliteContextStore) -> None:
    store.put([note("a")])
    for about in ({}, {"ids": [1], "person": "a"}, {"source": " ", "person": ""}):
        with pytest.raises(InvalidRequest, match="records, a source or a person"):
            store.labels.choose(PRIVATE, **about)
    with pytest.raises(RecordNotFound, match="99"):
        store.labels.choose(PRIVATE, ids=[id_of(store, "a"), 99])
    assert labels(store) == {"a": "personal"}


def test_rules_that_changed_label_what_is_there_anew(opened: Open) -> None:
    store = opened(Rule(label=PUBLIC, pattern="lentils"))
    store.put([note("lentils"), note("aurora"), note("dentist"), note("cabin")])
    store.labels.choose(PUBLIC, ids=[id_of(store, "cabin")])
    changed = opened(Rule(label=PRIVATE, pattern="aurora|cabin"), Rule(label=PERSONAL, topic="health"))
    assert changed.labels.why(id_of(changed, "aurora")).is_stale
    seen: list[int] = []
    assert changed.labels.apply(seen.append) == Relabelled(4, raised=2, lowered=1, against_rules=1)
    assert labels(changed) == {"lentils": "personal", "aurora": "private", "dentist": "personal", "cabin": "public"}
    assert seen == [4]
    assert changed.labels.apply() == Relabelled(4, against_rules=1)


def test_labelling_stopped_in_between_keeps_what_was_done_and_goes_on(opened: Open) -> None:
    opened().put(note(f"entry {number}") for number in range(1100))
    store = opened(Rule(label=PRIVATE, pattern="entry"))

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.labels.apply(stop)
    assert store.stats().by_sensitivity == {"personal": 600, "private": 500}
    assert store.labels.apply().raised == 600


def test_a_new_label_keeps_words_and_vectors_where_they_are(opened: Open) -> None:
    store = opened()
    store.put([note("marmalade")])
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("INSERT INTO embedding_models (name) VALUES ('m')")
        other.execute("INSERT INTO vectors (record_id, model_id, bytes) VALUES (1, 1, x'00')")
        other.commit()
        store.labels.choose(PRIVATE, ids=[1])
        assert [record.sensitivity for record in store.search("marmalade")] == [PRIVATE]
        assert other.execute("SELECT count(*) FROM vectors").fetchone() == (1,)


def test_an_export_carries_choices_and_never_a_lower_label(opened: Open, tmp_path: Path) -> None:
    one = opened(Rule(label=PRIVATE, pattern="aurora"))
    one.put([note("aurora"), note("dentist"), note("lentils")])
    one.labels.choose(PUBLIC, ids=[id_of(one, "dentist")])
    file = tmp_path / "export.jsonl"
    file.write_text("\n".join(one.export()), encoding="utf-8")
    with SqliteContextStore(tmp_path / "two.db") as two:  # it does not know the rule
        import_paths(two, [file])
        assert labels(two) == labels(one) == {"aurora": "private", "dentist": "public", "lentils": "personal"}
        assert list(two.export()) == list(one.export())
    assert "unmarked" in json.loads(list(one.export())[2])


def test_a_store_from_before_keeps_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    steps = SCHEMA.steps[: next(i for i, step in enumerate(SCHEMA.steps) if step.__name__ == "add_label_reasons")]
    old = Database(path, Schema(SCHEMA.noun, steps))
    with old.write() as db:
        for label in Sensitivity:
            db.execute(
                "INSERT INTO records (kind, title, body, people, place, source, sensitivity) "
                "VALUES ('note', '', ?, '[]', '', '', ?)",
                [f"dentist {label}", label],
            )
    old.close()
    with SqliteContextStore(path) as store:
        assert labels(store) == {f"dentist {label}": label.value for label in Sensitivity}
        why = store.labels.why(1)
        assert (why.reason, why.is_stale) == ("an earlier version gave it", True)
        assert store.labels.apply().raised == 2
        assert [record.body for record in store.search("dentist")]
