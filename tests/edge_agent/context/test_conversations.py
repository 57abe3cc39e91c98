"""Conversations in the context store: kept whole, listed, named, recalled where they fit, and gone when deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.conversations import Exchange
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.turns import ANSWERED, ASKED, SAID, THREADS, kind_of
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.types import Record, Sensitivity

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def exchange(
    question: str,
    answer: str = "I see.",
    *,
    made_from: Sensitivity = Sensitivity.PUBLIC,
    records: tuple[Record, ...] = (),
) -> Exchange:
    return Exchange(question, answer, NOW, made_from, records)


def recalled(store: SqliteContextStore, question: str, *, conversation: str = "") -> list[str]:
    hits = store.recall(question, limit=8, now=NOW, conversation=conversation and THREADS + conversation)
    return [hit.record.body for hit in hits]


def test_what_was_said_comes_back_in_order_with_the_labels_of_what_it_was_made_from(store: SqliteContextStore) -> None:
    store.conversations.add("a", exchange("hello", "Hi."))
    store.conversations.add("b", exchange("other"))
    store.conversations.add("a", exchange("and now?", "Later.", made_from=Sensitivity.PRIVATE))
    first, second = store.conversations.exchanges("a")
    assert [message.text for message in (*first.messages, *second.messages)] == ["hello", "Hi.", "and now?", "Later."]
    assert {message.sensitivity for message in first.messages} == {Sensitivity.PUBLIC}
    assert {message.sensitivity for message in second.messages} == {Sensitivity.PRIVATE}
    assert [store.get(turn.record_id or 0).body for turn in first.messages] == ["hello", "Hi."]


def test_as_records_turns_are_at_least_personal(store: SqliteContextStore) -> None:
    store.conversations.add("a", exchange("Who wrote Hamlet?", "Shakespeare."))
    store.conversations.add("a", exchange("And my doctor?", "Dr. Weber.", made_from=Sensitivity.PRIVATE))
    labels = [turn.sensitivity for turn in store.conversations.turns("a")]
    assert labels == [Sensitivity.PERSONAL] * 2 + [Sensitivity.PRIVATE] * 2


def test_a_question_keeps_the_records_of_its_prompt_and_their_labels_as_they_are_now(store: SqliteContextStore) -> None:
    ids = [store.add(Record(kind="note", body=body)) for body in ("one", "two")]
    records = tuple(store.get(record_id) for record_id in reversed(ids))
    store.conversations.add("a", exchange("which?", records=records))
    (kept,) = store.conversations.exchanges("a")
    assert kept.messages[0].records == records


def test_an_answer_goes_with_the_record_that_it_was_made_from(store: SqliteContextStore) -> None:
    record = store.get(store.add(Record(kind="note", body="The canary sings at noon")))
    store.conversations.add("a", exchange("when?", "At noon.", records=(record,)))
    store.conversations.add("a", exchange("why?", "Who knows."))
    store.forget(record.id or 0)
    assert [turn.body for turn in store.conversations.turns("a")] == ["when?", "why?", "Who knows."]


def test_a_turn_without_its_other_half_is_shown_but_not_said_again(store: SqliteContextStore) -> None:
    for number in range(3):
        store.conversations.add("a", exchange(f"question {number}", f"answer {number}"))
    (_, middle, _) = store.conversations.exchanges("a")
    store.forget(middle.answer_id or 0)
    assert [kept.question for kept in store.conversations.exchanges("a")] == ["question 0", "question 2"]
    assert "question 1" in [turn.body for turn in store.conversations.turns("a")]
    store.forget(store.conversations.exchanges("a")[-1].answer_id or 0)
    store.conversations.add("a", exchange("question 3"))
    assert [kept.question for kept in store.conversations.exchanges("a")] == ["question 0", "question 3"]


def test_an_imported_turn_without_a_time_harms_nothing(store: SqliteContextStore) -> None:
    for position, kind in ((1, ASKED), (2, ANSWERED)):
        store.add(Record(kind=kind, body="x", thread=THREADS + "a", position=position))
    assert (len(store.conversations.list()), len(store.conversations.exchanges("a"))) == (0, 0)
    store.conversations.add("a", exchange("hello"))
    assert [kept.question for kept in store.conversations.exchanges("a")] == ["hello"]
    assert store.conversations.get("a").exchanges == 1


def test_conversations_are_listed_named_and_found(store: SqliteContextStore) -> None:
    store.conversations.add(
        "a1", exchange("The boiler in the cellar has been making a dreadful noise since Monday night")
    )
    store.conversations.add("b2", exchange("Who wrote Hamlet?", made_from=Sensitivity.PRIVATE), name="Theatre")
    newest, oldest = store.conversations.list()
    assert (newest.id, newest.title, newest.exchanges, newest.sensitivity) == ("b2", "Theatre", 1, Sensitivity.PRIVATE)
    assert oldest.title == "The boiler in the cellar has been making a dreadful noise s…"
    store.conversations.rename("a1", "boiler")
    assert store.conversations.get("Boiler").id == store.conversations.get("a1").id == "a1"
    store.conversations.add("b2", exchange("And Faust?"), name="another")
    assert store.conversations.get("b2").name == "Theatre"
    for taken in ("theatre", "b2", " "):
        with pytest.raises(InvalidRequest):
            store.conversations.rename("a1", taken)
    with pytest.raises(RecordNotFound, match="chat list"):
        store.conversations.get("c3")


def test_a_deleted_conversation_leaves_no_byte_behind(tmp_path: Path) -> None:
    path = tmp_path / "context.db"
    with SqliteContextStore(path) as store:
        store.conversations.add("a", exchange("My canary sings zwölfmal", "zwölfmal indeed"), name="zwölfmal")
        store.conversations.add("b", exchange("something else"))
        assert store.forget(*store.conversations.ids("zwölfmal")).records == 2
        assert [entry.id for entry in store.conversations.list()] == ["b"]
        with pytest.raises(RecordNotFound):
            store.conversations.ids("a")
        for file in tmp_path.iterdir():
            assert "zwölf".encode() not in file.read_bytes(), file
    assert "zwölf".encode() not in path.read_bytes()


def test_the_name_goes_with_the_last_turn(store: SqliteContextStore) -> None:
    store.conversations.add("a", exchange("one"), name="mine")
    store.forget_all()
    store.conversations.add("b", exchange("two"), name="mine")
    assert store.conversations.get("mine").id == "b"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("My sister Ada moved to Leeds.", SAID),
        ("I'm allergic to peanuts. What can I eat?", SAID),
        ("Remember that the code is 4471", SAID),
        ("We’re flying to Oslo in May", SAID),
        ("When do I see the dentist?", ASKED),
        ("what did I ask you about the boiler", ASKED),
        ("Draft a polite note to my landlord", ASKED),
        ("Please draft a polite note to Dr. Weber to move my appointment", ASKED),
        ("Please remember my shoe size, 42", SAID),
        ("I want to know who wrote Hamlet", ASKED),
        ("Thanks!", ASKED),
    ],
)
def test_telling_is_told_from_asking(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_what_was_told_is_recalled_like_a_note(store: SqliteContextStore) -> None:
    store.conversations.add("a", exchange("My sister Ada moved to Leeds.", "How nice for Ada."))
    assert recalled(store, "Where did my sister move?") == ["My sister Ada moved to Leeds."]


def test_old_questions_and_answers_come_back_when_they_are_asked_for(store: SqliteContextStore) -> None:
    store.conversations.add("a", exchange("Why does the boiler knock at night?", "Its valve is worn out."))
    assert recalled(store, "When is the boiler serviced?") == []
    assert "Why does the boiler knock at night?" in recalled(store, "What did I ask you about the boiler?")
    assert "Its valve is worn out." in recalled(store, "What did you say about the valve?")


def test_a_question_that_was_asked_before_does_not_hide_its_record(store: SqliteContextStore) -> None:
    store.add(Record(kind="event", title="Dentist", time=NOW + timedelta(days=3)))
    before = recalled(store, "When do I see the dentist?")
    for number in range(150):
        store.conversations.add(f"c{number}", exchange("When do I see the dentist?", "I do not know the dentist."))
    assert recalled(store, "When do I see the dentist?") == before == [""]


def test_what_was_asked_often_does_not_make_its_words_common(store: SqliteContextStore) -> None:
    store.add(Record(kind="note", title="Garage", body="The code of the garage is 4471"))
    before = store.recall("What is the code of the garage?", limit=8, now=NOW)
    for number in range(50):
        store.conversations.add("a", exchange(f"Question {number}: what is the code of the garage?", "The garage?"))
    assert store.recall("What is the code of the garage?", limit=8, now=NOW) == before


def test_in_its_own_conversation_whatever_fits_comes_back_behind_the_records(store: SqliteContextStore) -> None:
    store.add(Record(kind="note", title="Boiler", body="serviced in May"))
    store.conversations.add("a", exchange("Why does the boiler knock?", "The valve of the boiler is worn out."))
    found = recalled(store, "When is the boiler serviced?", conversation="a")
    assert found[0] == "serviced in May"
    assert recalled(store, "And which part of the boiler is worn out?", conversation="a") != []


def test_the_question_itself_is_never_recalled(store: SqliteContextStore) -> None:
    store.conversations.add("a", exchange("My keys are lost."))
    assert recalled(store, "My keys are lost.", conversation="a") == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(min_size=1, max_size=20)), max_size=12))
def test_turns_are_exported_and_imported_as_records_are(said: list[tuple[str, str]]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder, SqliteContextStore(Path(folder) / "context.db") as store:
        for conversation, text in said:
            store.conversations.add(conversation, exchange(text, text))
        for conversation in "ab":
            asked = [text for where, text in said if where == conversation]
            kept = store.conversations.exchanges(conversation)
            assert [found.question for found in kept] == asked
        assert {turn.kind for turn in store.list()} <= {ASKED, SAID, ANSWERED}
