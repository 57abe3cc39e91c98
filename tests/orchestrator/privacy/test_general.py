"""What may be asked in a question's place: useful where it can be, and never a word of what is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.privacy.common_words import COMMON_WORDS
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.general import alike, distinctive, general_question, own_case
from orchestrator.types import Sensitivity

PENICILLIN = "Note Allergies: allergic to penicillin since 2009"
PRIVATE, PERSONAL = Sensitivity.PRIVATE, Sensitivity.PERSONAL


@pytest.mark.parametrize(
    ("question", "kept", "general"),
    [
        (
            "Which antibiotic could I get for strep throat, given my allergies?",
            PENICILLIN,
            "Which antibiotic could people get for strep throat?",
        ),
        (
            "Given my allergies, which antibiotic could I get for strep throat?",
            PENICILLIN,
            "Which antibiotic could people get for strep throat?",
        ),
        (
            "I take warfarin every morning. Can I drink grapefruit juice with my warfarin?",
            "Note Medicine: warfarin 5 mg every morning",
            "Can people drink grapefruit juice?",
        ),
        (
            "What should I cook for my daughter Lena, who cannot eat nuts?",
            "Contact Lena: daughter, nut allergy",
            "What should people cook for a child?",
        ),
        (
            "How am I taxed on what I earn abroad?",
            "Note Salary: 52000 a year",
            "How are people taxed on what people earn abroad?",
        ),
        (
            "What should a kit contain, given what is in the mail of the clinic, for a day in the hills?",
            "Mail from the clinic",
            "What should a kit contain for a day in the hills?",
        ),
        (
            "What can I put in a lunch box for my son, who must not have milk?",
            "Contact Mats: lactose intolerant",
            "What can people put in a lunch box for a child?",
        ),
        ("I'm 54 and diabetic, what should I eat?", "Note", "What should people eat?"),
        ("Living with a virus, what vaccines do I need?", "Note", "What vaccines do people need?"),
        ("Can I, as a diabetic with a pump, take ibuprofen?", "Note", "Can people take ibuprofen?"),
        ("What can I cook, I have diabetes, for lunch?", "Note", "What can people cook for lunch?"),
        ("Compare apples, pears and plums for a cake.", "Note", "Compare apples pears and plums for a cake."),
        ("Explain how I can sleep in my old flat.", "Note Flat: 12 Elm Street", "Explain how people can sleep."),
    ],
)
def test_the_users_own_case_goes_and_the_question_stays(question: str, kept: str, general: str) -> None:
    assert (general_question(question, [kept]) or "") == general


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("Does penicillin help against strep throat?", PENICILLIN),
        ("Does peni\u200bcillin help against strep throat?", PENICILLIN),
        ("Do the penicillins help against strep throat?", PENICILLIN),
        ("What is my blood type?", "Note Health: 0 negative"),
        ("When did I last see a doctor?", "Event Dr. Weber"),
        ("What is the wifi password at the cabin?", "Note Cabin: the wifi password is hunter2"),
        ("Can she have it?", "Note Lena: 14 weeks"),
        ("I lost my job. Is that a reason?", "Note Work: dismissed"),
        ("My wife is pregnant and wants sushi: is it safe?", "Note"),
        ("Is ibuprofen safe for diabetics like me?", "Note"),
        ("Strep throat again.", "Note"),
        ("Does Marek Nowak need a visa?", "Note Trip"),
        ("Marek wants a visa, can you help?", "Note Trip"),
        ("What can I do about 4929 1234 5678 9012?", "Note Card"),
        ("How much is 17 + 26 of them?", "Note Code: 17"),
        ("Explain this letter: " + "the landlord says no " * 20, "Note Flat"),
        ("", "Note"),
        ("???", "Note"),
    ],
)
def test_in_doubt_nothing_is_asked(question: str, kept: str) -> None:
    assert general_question(question, [kept]) is None


@pytest.mark.parametrize(
    ("question", "own"),
    [
        ("Which antibiotic could I get for strep throat, given my allergies?", "my allergies"),
        ("Given my allergies, which antibiotic could I get?", "my allergies"),
        ("How can I train for a run with my knee?", "my knee"),
        ("How do people rent a flat? Mention my papers.", "Mention my papers"),
        ("What wine goes with fish, considering what the doctor said to me?", "what the doctor said to me"),
        ("I'm 54 and diabetic, what should I eat?", "I'm 54 and diabetic"),
        ("What should I eat?", ""),
        ("What is my blood type?", ""),
        ("How do I train my dog?", ""),
        ("Does penicillin help against strep throat?", ""),
        ("", ""),
    ],
)
def test_the_users_own_case_is_told_apart_from_what_is_asked(question: str, own: str) -> None:
    assert own_case(question) == own


def test_what_a_detector_found_is_stood_in_for_or_takes_its_clause_out() -> None:
    question = "How should a guest greet anna on 3 may?"
    person = Finding(Kind.PERSON, 25, 29, PERSONAL, "name")
    day = Finding(Kind.DATE_TIME, 33, 38, PERSONAL, "name")
    assert general_question(question, [], [person, day]) == "How should a guest greet someone?"
    known = Finding(Kind.PERSON, 25, 29, PRIVATE, "record 3")
    assert general_question(question, [], [known]) is None


def test_forms_of_a_word_are_alike() -> None:
    pairs = [("nut", "nuts"), ("allergies", "allergic"), ("diabetes", "diabetic"), ("penicillin", "aminopenicillin")]
    assert all(alike(one, other) and alike(other, one) for one, other in pairs)
    assert not any(alike(one, other) for one, other in [("nut", "nurse"), ("2009", "200"), ("12345", "1234567")])
    assert list(distinctive("The Zoë, twice: 17!")) == ["zoe", "twice", "17"]


_SOME_WORDS = """penicillin Penicillins nut nuts Lena warfarin allergy allergic 2009 17 hunter2 knee doctor I my the
given with what which can how should take for , ? . and because daughter eat sleep better Zoë zoe is it strep throat"""
words = st.sampled_from(_SOME_WORDS.split())
texts = st.one_of(st.lists(words, max_size=16).map(" ".join), st.text(max_size=60))


@given(
    question=texts, kept=st.lists(texts, max_size=3), found=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)))
)
def test_no_distinctive_word_of_what_is_kept_ever_leaves(
    question: str, kept: list[str], found: list[tuple[int, int]]
) -> None:
    """Written without the module's own idea of a word: any run of letters or digits that is in both is too much."""
    ends, findings = 0, []
    for start, length in sorted(found):
        if start >= ends and start + length <= len(question):
            findings.append(Finding(Kind.PERSON, start, start + length, PERSONAL, "name"))
            ends = start + length
    said = general_question(question, kept, findings)
    leaving = _runs(said or "")
    assert not (leaving - COMMON_WORDS) & {run for text in kept for run in _runs(text)}
    assert not any(finding_text in leaving - COMMON_WORDS for finding_text in _found(question, findings, said))


def _found(question: str, findings: list[Finding], said: str | None) -> set[str]:
    """Found words that stand nowhere else in the question."""
    if said is None:
        return set()
    rest = question
    for finding in reversed(findings):
        rest = rest[: finding.start] + " " + rest[finding.end :]
    return {run for f in findings for run in _runs(question[f.start : f.end])} - _runs(rest)


def _runs(text: str) -> set[str]:
    plain = "".join(char if char.isalnum() else " " for char in text.casefold())
    return set(plain.split())
