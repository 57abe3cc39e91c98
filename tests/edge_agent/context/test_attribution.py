"""Whose a fact is: a question about one person is not answered by what another says of themselves."""

from __future__ import annotations

from datetime import datetime

import pytest

from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record


def tell(store: SqliteContextStore, *turns: tuple[str, str], thread: str = "chat") -> None:
    store.put(
        Item(Record(kind="chat", body=text, people=(who,), thread=thread, position=place), key=f"{thread}:{place}")
        for place, (who, text) in enumerate(turns)
    )


def confidence(store: SqliteContextStore, question: str, now: datetime) -> float:
    return store.recall(question, limit=8, now=now).confidence


@pytest.fixture
def talk(store: SqliteContextStore) -> SqliteContextStore:
    """Ada and Bo, each of themselves and one of the other."""
    tell(
        store,
        ("Ada", "My kiln broke in the flood and I had to sell it."),
        ("Bo", "I am sorry. My boat is in the dock, I had it painted."),
        ("Ada", "You won the race at the regatta, your trophy was huge!"),
        ("Bo", "Thanks, Ada! It stands on the shelf."),
    )
    return store


@pytest.mark.parametrize(
    ("asked", "right", "wrong"),
    [
        ("Why did {} sell the kiln?", "Ada", "Bo"),
        ("What colour was {}'s boat painted in the dock?", "Bo", "Ada"),
        ("Which trophy did {} win at the regatta race?", "Bo", "Ada"),  # told by the other, with "you"
    ],
)
def test_the_right_person_brings_more_confidence_than_the_wrong_one(
    talk: SqliteContextStore, monday: datetime, asked: str, right: str, wrong: str
) -> None:
    assert confidence(talk, asked.format(wrong), monday) < 0.25 < 0.5 < confidence(talk, asked.format(right), monday)


def test_a_question_about_both_has_nobody_to_take_for_another(talk: SqliteContextStore, monday: datetime) -> None:
    both = confidence(talk, "Did Ada and Bo sell the kiln after the flood?", monday)
    assert both > confidence(talk, "Did Bo sell the kiln after the flood?", monday)


def test_who_is_told_of_by_name_need_not_take_part(store: SqliteContextStore, monday: datetime) -> None:
    tell(store, ("Ada", "Cyril moved to Leeds last week and I miss him."), ("Bo", "I moved once, to Leeds even."))
    tell(store, ("Cyril", "Good night"), thread="other")
    assert confidence(store, "Where did Cyril move last week?", monday) > 0.5


def test_calling_somebody_by_name_does_not_tell_of_them(store: SqliteContextStore, monday: datetime) -> None:
    tell(store, ("Bo", "Thanks, Ada! I flew to Narvik, I saw whales and I swam."), ("Ada", "Lovely."))
    assert confidence(store, "Did Ada fly to Narvik and see whales?", monday) < 0.25


def test_that_everybody_has_a_telephone_speaks_against_nobody(household: SqliteContextStore, monday: datetime) -> None:
    found = household.recall("What's Marek's phone number?", limit=8, now=monday)
    assert found[0].record.title == "Marek Nowak"
    assert found.confidence > 0.9


def test_who_asks_about_themselves_is_nobody_that_the_records_name(talk: SqliteContextStore, monday: datetime) -> None:
    of_bo = confidence(talk, "What did Ada paint, the boat in the dock?", monday)
    assert confidence(talk, "What did I tell Ada of the boat in the dock?", monday) > of_bo
