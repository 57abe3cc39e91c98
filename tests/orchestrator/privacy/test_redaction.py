"""What leaves has stand-ins in it; what comes back has the names again."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.redaction import Redaction
from orchestrator.privacy.stand_ins import WORDS as WORDS_BY_KIND
from orchestrator.privacy.stand_ins import StandIns, Typed
from orchestrator.privacy.surrogates import Surrogates
from orchestrator.types import Sensitivity

WORDS = ["Anna", "anna", "ANNA", "Ännä", "Anna Müller", "Müller", "Müllers", "王小明", "王", "O'Neil", "a@b.de"]
LOOKALIKES = [
    "PERSON_1",
    "person 1",
    "Person-2",
    "PERSON\\_1",
    "PERSON",
    "_1",
    "SECRET_1",
    "12",
    "1",
    "1984",
    "s",
    "_",
    "e\u0301",
]
WORDS_OF_STAND_INS = [*WORDS_BY_KIND.values(), "mail", "example", "Street", "weg"]
BETWEEN = [" ", " ", ", ", ".", "'s", "\n", "**", "\\", "x", "e\u0301"]
TEXTS = st.lists(st.sampled_from(WORDS + LOOKALIKES + BETWEEN), max_size=14).map("".join)


def found(text: str, *originals: str, kind: Kind = Kind.PERSON) -> list[Finding]:
    """Every place where one of the originals stands."""
    return [
        Finding(kind, match.start(), match.end(), Sensitivity.PERSONAL, "name")
        for original in originals
        for match in re.finditer(re.escape(original), text)
    ]


@st.composite
def texts_with_findings(draw: st.DrawFn) -> tuple[str, list[Finding]]:
    text = draw(st.one_of(TEXTS, st.text(max_size=30)))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    kinds = st.sampled_from([Kind.PERSON, Kind.PERSON, *Kind])
    spans = list(pairwise(cuts))
    kept = [span for span in spans if draw(st.booleans())]
    return text, [Finding(draw(kinds), start, end, Sensitivity.PERSONAL, "name") for start, end in kept]


@given(st.lists(texts_with_findings(), max_size=3), st.sampled_from([Typed, lambda: Surrogates(Random(7))]))
def test_what_was_redacted_is_restored_exactly(
    conversation: list[tuple[str, list[Finding]]], stand_ins: Callable[[], StandIns]
) -> None:
    redaction = Redaction(stand_ins())
    for text, findings in conversation:
        redaction.read(text, findings)
    for text, findings in conversation:
        restorer = redaction.restorer()
        assert restorer.push(redaction.redact(text, findings)) + restorer.flush() == text


@given(texts_with_findings(), st.sampled_from([Typed, lambda: Surrogates(Random(7))]))
def test_what_was_found_once_stands_nowhere_as_a_word(
    conversation: tuple[str, list[Finding]], stand_ins: Callable[[], StandIns]
) -> None:
    text, findings = conversation
    sent = Redaction(stand_ins()).redact(text, findings)
    for finding in findings:
        original = text[finding.start : finding.end].strip()
        if len(original) >= 3 and original.isalpha() and original not in "".join(WORDS_OF_STAND_INS):
            assert re.search(rf"(?<![^\W_]){re.escape(original)}(?![^\W_])", sent) is None


def test_the_same_name_has_the_same_stand_in_in_every_text() -> None:
    redaction = Redaction()
    first = "Anna's flight is with Tom."
    assert redaction.redact(first, found(first, "Anna", "Tom")) == "PERSON_1's flight is with PERSON_2."
    second = "Does Tom know Anna?"
    assert redaction.redact(second, found(second, "Tom", "Anna")) == "Does PERSON_2 know PERSON_1?"
    assert redaction.count == 4


def test_a_name_that_was_missed_elsewhere_is_replaced_as_well() -> None:
    redaction = Redaction()
    early, late = "annas car, Annabel's car", "Ask Anna."
    redaction.read(early, [])
    redaction.read(late, found(late, "Anna"))
    assert redaction.redact(early, []) == "PERSON-1s car, Annabel's car"


def test_what_the_user_wrote_like_a_stand_in_is_not_mixed_up() -> None:
    redaction = Redaction()
    text = "PERSON_1 is a word, Anna a name."
    assert redaction.redact(text, found(text, "Anna")) == "PERSON_1 is a word, PERSON_2 a name."
    later = "And person 2?"
    sent = redaction.redact(later, [])
    assert sent == "And PERSON_3?"
    restorer = redaction.restorer()
    assert restorer.push(sent) + restorer.flush() == later


def test_a_person_keeps_the_stand_in_under_each_of_their_names() -> None:
    redaction = Redaction()
    text = "Anna Miller called. Ms. Miller and Tom Miller asked for Anna."
    sent = redaction.redact(text, found(text, "Anna Miller", "Tom Miller"))
    assert sent == "PERSON_1 called. Ms. PERSON_3 and PERSON_2 asked for PERSON-1."
    restorer = redaction.restorer()
    assert restorer.push(sent) + restorer.flush() == text


def test_an_ordinary_word_is_not_taken_for_a_name() -> None:
    redaction = Redaction()
    text = "Will Brown will bake brown bread. BROWN!"
    assert redaction.redact(text, found(text, "Will Brown")) == "PERSON_1 will bake brown bread. PERSON-1!"


@pytest.mark.parametrize(
    ("shown", "sent", "first"),
    [
        ("Dear Anna Mil", "Dear PERSON_1", "ler, hello"),
        ("Dear Anna Miller", "Dear PERSON_1", ", hello"),
        ("Dear An", "Dear An", ", hello"),
        ("Dear millipede", "Dear millipede", ", hello"),
    ],
)
def test_a_text_that_breaks_off_inside_a_name_goes_on_with_its_rest(shown: str, sent: str, first: str) -> None:
    redaction = Redaction()
    text = "Write to Anna Miller."
    redaction.read(text, found(text, "Anna Miller"))
    prefix, restorer = redaction.carry_on(shown, [])
    assert prefix == sent
    assert restorer.push(", ") + restorer.push("hello") + restorer.flush() == first


def test_what_goes_on_inside_a_word_is_not_taken_for_a_stand_in() -> None:
    redaction = Redaction()
    redaction.read("Anna", found("Anna", "Anna"))
    _, restorer = redaction.carry_on("The sales", [])
    assert restorer.push("person 1 ") == "person 1 "
