"""People, firms, places and addresses that no store knows, with the weights that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.privacy.names import WEIGHTS, Names
from edge_agent.privacy.tagger import Tagger
from edge_agent.privacy.words import split
from orchestrator.errors import ModelCorrupt
from orchestrator.privacy.finding import Kind
from orchestrator.types import Sensitivity


@pytest.fixture(scope="module")
def names() -> Names:
    return Names()


def found(names: Names, text: str) -> list[tuple[Kind, str]]:
    return [(finding.kind, text[finding.start : finding.end]) for finding in names.find(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Could you call Siobhán Ó Briain tomorrow?", Kind.PERSON, "Siobhán Ó Briain"),
        ("my name is agnieszka nowak", Kind.PERSON, "agnieszka nowak"),
        ("Kannst du bitte Jürgen anrufen?", Kind.PERSON, "Jürgen"),
        ("He works at Halvorsen & Sons Ltd. as a clerk.", Kind.ORGANIZATION, "Halvorsen & Sons Ltd."),
        ("We moved to Trondheim last year.", Kind.GPE, "Trondheim"),
        ("The cook is Portuguese.", Kind.NRP, "Portuguese"),
        ("Please send it to 14 Harbour Lane, Apt. 3", Kind.STREET_ADDRESS, "14 Harbour Lane, Apt. 3"),
    ],
)
def test_what_has_no_form_is_found_by_its_words_and_neighbours(names: Names, text: str, kind: Kind, value: str) -> None:
    assert (kind, value) in found(names, text)


def test_an_address_goes_on_in_the_next_line_and_a_name_does_not(names: Names) -> None:
    text = "Anna Lindqvist\nPeter Lindqvist\n\nShip it to:\n12 Harbour Street\nFlat 4\nBergen 5003"
    pieces = found(names, text)
    assert [value for kind, value in pieces if kind is Kind.PERSON] == ["Anna Lindqvist", "Peter Lindqvist"]
    assert any(kind is Kind.STREET_ADDRESS and "\n" in value for kind, value in pieces)


@pytest.mark.parametrize(
    "text",
    [
        "How do I bake bread without yeast?",
        "set a timer for ten minutes",
        "The quick brown fox jumps over the lazy dog.",
        "Which sorting algorithm is the fastest for nearly sorted lists?",
        "def load(path):\n    return open(path).read()",
        "",
        " \n ",
    ],
)
def test_nothing_is_found_where_nobody_is_named(names: Names, text: str) -> None:
    assert found(names, text) == []


def test_what_is_found_is_personal_and_says_who_found_it(names: Names) -> None:
    (finding,) = names.find("I met Katarzyna yesterday.")
    assert (finding.label, finding.source) == (Sensitivity.PERSONAL, "name")


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_findings_are_in_order_apart_and_inside_any_text(names: Names, text: str) -> None:
    findings = names.find(text)
    ends = [0] + [finding.end for finding in findings]
    assert all(end <= finding.start < finding.end <= len(text) for end, finding in zip(ends, findings, strict=False))


def test_chances_of_a_word_add_up_to_one(names: Names) -> None:
    chances = Tagger.load(WEIGHTS).chances(split("Anna lives in Oslo."))
    assert chances.sum(axis=1) == pytest.approx(np.ones(len(chances)), abs=1e-5)


def test_a_lower_chance_finds_more() -> None:
    text = "Ada met Bo and the Great Gatsby crew of Nordlys in Lower Fell near Chipping Road."
    covered = [
        sum(finding.end - finding.start for finding in Names(personal_from=chance).find(text))
        for chance in (0.1, 0.5, 0.9)
    ]
    assert covered == sorted(covered, reverse=True)


@pytest.mark.parametrize("content", [None, b"", b"no archive", WEIGHTS.read_bytes()[:1000]])
def test_damaged_weights_are_a_typed_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "names.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"names\.npz"):
        Tagger.load(path)
