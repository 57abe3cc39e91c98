"""Reading a question: its content words, and whose life it is about."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest

from edge_agent.context.question import MAX_WORDS, asks_about, read

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "routing"


def words(text: str, now: datetime) -> list[str]:
    return [term.word for term in read(text, now).terms]


def test_only_content_words_are_left(monday: datetime) -> None:
    assert words("When do I see the dentist, please?", monday) == ["dentist"]
    assert words("What is on my shopping list?", monday) == ["shopping"]
    assert words("the of and to", monday) == []


def test_the_words_of_a_date_are_not_searched_as_content(monday: datetime) -> None:
    question = read("What's the plan for next week with Priya?", monday)
    assert [term.word for term in question.terms] == ["plan", "priya"]
    assert question.window is not None


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("When do I see the dentist?", True),
        ("Where are our passports?", True),
        ("Tell me who invented the telephone", False),
        ("I would like to know what trenchant means", False),
        ("How do I boil an egg?", False),
        ("Can you recommend me a book?", False),
        ("Can you help me find my keys?", True),
        ("What is in the letter to mine?", True),
    ],
)
def test_the_asker_as_asker_is_not_the_subject(text: str, personal: bool, monday: datetime) -> None:
    assert read(text, monday).personal is personal


@pytest.mark.parametrize(
    ("text", "general"),
    [
        ("Explain how a transformer works", True),
        ("What do bees make?", True),
        ("Why do cats purr?", True),
        ("What is a prime number?", True),
        ("What do we need for the cabin?", False),
        ("What is the wifi password?", False),
    ],
)
def test_requests_for_knowledge_are_seen_by_their_form(text: str, general: bool, monday: datetime) -> None:
    assert read(text, monday).general is general


def test_a_certain_one_is_told_from_any(monday: datetime) -> None:
    assert [term.definite for term in read("the old boiler and a train", monday).terms] == [True, False]


def test_a_page_is_cut_to_its_first_content_words(monday: datetime) -> None:
    assert len(words(" ".join(f"word{number}" for number in range(500)), monday)) == MAX_WORDS


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("When is my wedding anniversary?", True),
        ("what did I eat yesterday", True),
        ("Please tell me when our mortgage ends", True),
        ("Do we have plans on Friday?", True),
        ("When do I see the dentist?", True),
        ("Where's my suitcase?", True),
        ("When is the book club?", False),  # may be anybody's
        ("How old is our planet?", False),
        ("What should I cook for my guests?", False),
        ("How do I fix my bicycle?", False),
        ("What is the best present for my mother?", False),
        ("Write a poem about my cat", False),
        ("Why is my cat sneezing?", False),
        ("Where do I apply for a visa?", False),
        ("I have 3 apples and eat one. How many do I have?", False),
        ("What is my cat's name if I call it Miso?", False),
        ("What did I do wrong?\n```python\nprint(x)\n```", False),
    ],
)
def test_a_fact_of_the_askers_own_life_is_told_from_what_the_world_knows(
    monday: datetime, text: str, own: bool
) -> None:
    assert read(text, monday).own is own


def test_the_longest_question_is_read_in_no_time(monday: datetime) -> None:
    assert not read("what is my " + "please " * 20_000, monday).own


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("What did Felix name his dog?", True),
        ("When is Priya's wedding?", True),
        ("Where does felix live?", True),
        ("What is Felix Sommer's address?", True),
        ("How old is Felix Baumgartner?", False),
        ("When was Priya Nadar's house built?", False),
        ("Who wrote Felix?", False),
        ("What do bees make?", False),
    ],
)
def test_who_is_asked_about_is_somebody_known_and_of_no_other_surname(text: str, about: bool) -> None:
    assert asks_about(text, frozenset({"felix", "sommer", "priya"})) is about
    assert not asks_about(text, frozenset())


@pytest.mark.parametrize("name", ["mmlu", "gsm8k"])
def test_no_question_of_an_exam_is_taken_for_one_of_the_askers_life(monday: datetime, name: str) -> None:
    path = DATA / f"{name}.dev.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert [row["prompt"] for row in rows if read(row["prompt"], monday).own] == []
