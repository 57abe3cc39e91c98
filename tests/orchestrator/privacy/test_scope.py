"""Which findings matter in which text."""

from __future__ import annotations

import pytest

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.scope import has_private, is_encyclopedic, label_of
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
    ("Wann wurde Marie Curie geboren?", [PERSON], PERSONAL),
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


def test_what_is_private_is_so_in_any_text_but_a_town_is_not() -> None:
    assert has_private([TOWN, CARD])
    assert not has_private([found(Kind.GPE, KNOWN, PRIVATE), KNOWN_PERSON])
