"""What a text is about, in seven languages, and what only looks so."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.topics import Topics, _words, folded, topics


@pytest.mark.parametrize(
    ("text", "topic", "term"),
    [
        ("Blood test at nine", "health", "blood test"),
        ("BLOOD\n  PRESSURE was fine", "health", "blood pressure"),
        ("Emma is allergic to nuts", "health", "allergic"),
        ("Zahnarzttermin am Dienstag", "health", "zahnarzttermin"),
        ("Die Ärztin rief an", "health", "arztin"),
        ("la médecine du travail", "health", "medecine"),
        ("gravidanza a rischio", "health", "gravidanza"),
        ("appointment with my psychiatrist", "therapy", "psychiatrist"),
        ("La thérapie de jeudi", "therapy", "therapie"),
        ("Kontostand: 12 €", "money", "kontostand"),
        ("carte de crédit perdue", "money", "carte de credit"),
        ("Please pay to DE89 3704 0044 0532 0130 00", "money", "a number of its kind"),
        ("4111-1111-1111-1111", "money", "a number of its kind"),
        ("Termin bei der Anwältin", "law", "anwaltin"),
        ("Mi abogada llamó", "law", "abogada"),
        ("Password: moosbeere-4711", "passwords", "password"),
        ("the PIN is 4711", "passwords", "pin is …"),
        ("-----BEGIN RSA PRIVATE KEY-----", "passwords", "begin rsa private key"),
        ("le mot de passe du wifi", "passwords", "mot de passe"),
        ("Codice fiscale sul foglio", "identity", "codice fiscale"),
        ("078-05-1120", "identity", "a number of its kind"),
    ],
)
def test_a_topic_is_told_by_words_phrases_and_numbers(text: str, topic: str, term: str) -> None:
    assert topics().seen(text)[topic] == term


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a loaf of pain de campagne",
        "we sat on the bank of the river",
        "Rezept für Linsensuppe, ein gutes Gericht",
        "the bowling pin fell",
        "a suntan, and 12 tan cushions",
        "call 030 23125204 before 2026-11-24",
        "order 4711-0815 of 3 November",
        "hospitality at its best",
        "sky blue, blood orange",
    ],
)
def test_what_only_looks_so_is_about_nothing(text: str) -> None:
    assert topics().seen(text) == {}


def test_the_same_text_always_tells_the_same_words_and_never_a_number() -> None:
    text = "doctor, dentist, hospital, pin 1234, pin 5678, salary"
    assert {tuple(Topics({"a": {"en": "hospital, dentist, doctor"}}).seen(text).items()) for _ in range(5)} == {
        (("a", "dentist"),)
    }
    assert not re.search("[0-9]", str(topics().seen(text)))


def test_each_term_belongs_to_one_topic() -> None:
    sections = tomllib.loads(resources.files("edge_agent.context").joinpath("topics.toml").read_text(encoding="utf-8"))
    terms = [
        term.strip()
        for section in sections.values()
        for language, listed in section.items()
        if language != "shapes"
        for term in set(listed.split(","))
    ]
    twice = {term for term in terms if terms.count(term) > 1}
    topic_of = {term: [name for name, section in sections.items() if term in str(section)] for term in twice}
    assert all(term for term in terms)
    assert {term for term, names in topic_of.items() if len(names) > 1} == set()


@given(st.text(st.characters(max_codepoint=0x180)))
def test_words_are_cut_alike_in_all_letters(text: str) -> None:
    assert _words(folded(text)) == re.findall(r"[^\W_]+", folded(text))
