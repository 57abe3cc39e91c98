"""What the detector of names is fitted on: labels stand where the names do, and ordinary sentences name nobody."""

from __future__ import annotations

import random
import re

import pytest

from benchmarks.names import lists
from benchmarks.names.drawing import Drawing, Pool
from benchmarks.names.measuring import FOLDS, folds
from benchmarks.names.plain import nameless, woven
from benchmarks.names.sentences import sentences, templates
from benchmarks.names.values import Values

SORTS = ("first", "last", "city", "state", "road", "street", "address", "zip", "company", "phone")
SLOT = re.compile(r"\{(\w+)\}")


def values(seed: int = 0) -> Values:
    """From pools in which each value tells its locale and its sort."""
    locales = ("en_US", "en_GB", "de_DE", "ja_JP", "zh_CN", "ru_RU")
    pools = [Pool(locale, {sort: [f"{sort.title()}{locale[:2].title()}"] for sort in SORTS}) for locale in locales]
    return Values(Drawing(random.Random(seed), pools, ["Narvik", "Évora"]))


def test_every_slot_of_every_template_has_values() -> None:
    drawn = values()
    slots = {slot for template in templates() for slot in SLOT.findall(template.pattern)}
    assert len(templates()) > 300
    assert all(drawn.of(slot) for slot in slots)


def test_no_template_leaves_a_sign_of_its_own_behind() -> None:
    for row in sentences(3_000, random.Random(1), values()):
        assert not re.search(r"\w\||\|\w|\\n|\{[a-z]+\}", row.text), row.text


def test_labels_stand_where_the_values_do() -> None:
    rows = list(sentences(2_000, random.Random(2), values()))
    firsts = [row.text[span.start : span.end] for row in rows for span in row.spans if span.type == "NRP"]
    assert firsts
    assert {value.lower() for value in firsts} <= {nationality.lower() for nationality in lists.NATIONALITIES}


def test_the_same_seed_gives_the_same_sentences() -> None:
    once, again = (list(sentences(200, random.Random(3), values(3))) for _ in range(2))
    assert once == again


@pytest.fixture(scope="module")
def questions() -> list[str]:
    told = "near the river the man saw me. near the river the man saw me again."
    return [
        told,
        "The man saw me near the river.",
        "The man saw me near Kant. The man saw me in 1789. The man saw France.",
    ]


def test_ordinary_sentences_name_nobody(questions: list[str]) -> None:
    kept = nameless(questions)
    assert "The man saw me near the river." in kept
    assert not [sentence for sentence in kept if re.search(r"Kant|1789|France", sentence)]


def test_names_take_the_places_of_nouns(questions: list[str]) -> None:
    rows = list(woven(nameless(questions), random.Random(0), values()))
    assert rows
    for row in rows:
        assert "the man" not in row.text
        assert [span.type for span in row.spans] == ["PERSON"]


def test_folds_share_no_template() -> None:
    names = [place * place % 23 for place in range(100)]
    parts = folds(names)
    assert sorted(place for part in parts for place in part) == list(range(100))
    told = [{names[place] for place in part} for part in parts]
    assert len(told) == FOLDS
    assert sum(map(len, told)) == len(set.union(*told))
