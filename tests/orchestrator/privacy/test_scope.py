"""Which findings matter in which text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.scope import has_private, is_encyclopedic, label_of, without_everybodys
from orchestrator.types import Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity
NAME, PATTERN, KNOWN = "name", "pattern", "record 12"


def found(kind: Kind, source: str = NAME, label: Sensitivity = PERSONAL) -> Finding:
    return Finding(kind, 0, 1, label, source)


PERSON, KNOWN_PERSON = found(Kind.PERSON), found(Kind.PERSON, KNOWN)
TOWN, DATE, COMPANY = found(Kind.GPE), found(Kind.DATE_TIME), found(Kind.ORGANIZATION)
EMPLOYER = found(Kind.ORGANIZATION, KNOWN)
MAIL, CARD = found(Kind.EMAIL_ADDRESS, PATTERN), found(Kind.CREDIT_CARD, PATTERN, PRIVATE)
STREET = found(Kind.STREET_ADDRESS)

EXAMPLES = [
    # A question about the world stays answerable.
    ("What is the capital of France?", [TOWN], PUBLIC),
    ("When was Marie Curie born?", [PERSON], PUBLIC),
    ("What did Ada Lovelace and Charles Babbage build?", [PERSON, PERSON], PUBLIC),
    ("In which year did Darwin publish his book?", [PERSON], PUBLIC),
    ("Please explain the theorem of Emmy Noether", [PERSON], PUBLIC),
    ("Wann wurde Marie Curie geboren?", [PERSON], PUBLIC),
    ("Welche Bücher hat Goethe geschrieben?", [PERSON, COMPANY, PERSON], PUBLIC),
    ("What does Siemens make?", [COMPANY], PUBLIC),
    ("What does Siemens make?", [EMPLOYER], PUBLIC),
    ("How old do Danes get?", [found(Kind.NRP), found(Kind.AGE)], PUBLIC),
    ("What is worth seeing in Leeds on Friday?", [found(Kind.GPE, KNOWN), DATE], PUBLIC),
    ("I am 34 and live in Leeds: which sports are good for me?", [found(Kind.AGE), TOWN], PUBLIC),
    # A name that the store knows, an identifier or an address tells of somebody, whatever is asked.
    ("When was Anna Weber born?", [KNOWN_PERSON], PERSONAL),
    ("Who is jane@example.com?", [MAIL], PERSONAL),
    ("Who lives at 4 Elm Street in Leeds?", [STREET, TOWN], PERSONAL),
    ("Is 4111 1111 1111 1111 a good card number?", [CARD], PRIVATE),
    ("When was Anna Weber born?", [found(Kind.PERSON, KNOWN, PRIVATE)], PRIVATE),
    ("What does the Elm clinic treat?", [found(Kind.ORGANIZATION, KNOWN, PRIVATE)], PRIVATE),
    # A stranger's name does where nothing says that the question is about the world.
    ("Write to Peter Miller that I come at five", [PERSON], PERSONAL),
    ("Where does Peter Miller live?", [PERSON], PERSONAL),
    ("What did Peter Miller say in the meeting?", [PERSON], PERSONAL),
    ("When does my brother Peter Miller arrive?", [PERSON], PERSONAL),
    ("Is Peter Miller coming?", [PERSON], PERSONAL),
    ("What does this say?\nDear Peter Miller, thanks", [PERSON], PERSONAL),
    ("Quand est née Marie Curie ?", [PERSON], PERSONAL),
    ("Was soll ich Peter Müller schenken?", [PERSON], PERSONAL),
    ("Was hat Peter Müller gestern gesagt?", [PERSON], PERSONAL),
    ("Wo wohnt Peter Müller?", [PERSON], PERSONAL),
    ("Draft a reply for Acme", [EMPLOYER], PERSONAL),
    ("Draft a reply for Acme", [COMPANY], PUBLIC),
]


@pytest.mark.parametrize(("question", "findings", "label"), EXAMPLES)
def test_what_tells_of_somebody_makes_a_question_personal(
    question: str, findings: list[Finding], label: Sensitivity
) -> None:
    assert label_of(findings, encyclopedic=is_encyclopedic(question)) is label


def test_what_recall_takes_for_a_question_about_the_user_is_not_about_the_world() -> None:
    assert is_encyclopedic("When was Peter Miller born?")
    assert not is_encyclopedic("When was Peter Miller born?", personal=True)


def test_a_long_text_is_no_question_about_the_world() -> None:
    assert not is_encyclopedic("What is the moral of this? " + "Peter Miller had a dog. " * 20)


@pytest.mark.parametrize(
    ("text", "words", "left"),
    [
        ('Translate "it is with Hilde" into French', ["Hilde", "French"], ["Hilde"]),
        ("Say it in plain English to the French", ["English", "French"], ["French"]),
        ("Sag es Hilde auf Englisch", ["Hilde", "Englisch"], ["Hilde"]),
        ("A French cousin in France", ["French", "France"], ["French", "France"]),
        ("Is 192.168.1.1 a private address, or 8.8.8.8?", ["192.168.1.1", "8.8.8.8"], ["8.8.8.8"]),
        ("10.0.0.17 and 172.16.0.1, not 172.32.0.1", ["10.0.0.17", "172.16.0.1", "172.32.0.1"], ["172.32.0.1"]),
    ],
)
def test_what_every_home_has_matters_nowhere(text: str, words: list[str], left: list[str]) -> None:
    findings = [Finding(Kind.GPE, at := text.index(word), at + len(word), PERSONAL, NAME) for word in words]
    assert [text[each.start : each.end] for each in without_everybodys(text, findings)] == left
    known = [replace(each, source=KNOWN) for each in findings]
    assert len(without_everybodys(text, known)) == len(words), "what the store knows does"


def test_what_is_private_is_so_in_any_text_but_a_town_is_not() -> None:
    assert has_private([TOWN, CARD])
    assert not has_private([found(Kind.GPE, KNOWN, PRIVATE), KNOWN_PERSON])
