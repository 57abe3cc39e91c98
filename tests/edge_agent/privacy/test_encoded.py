"""What is found in disguise."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.privacy.encoded import Encoded
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity


class Miller:
    """Finds Anna Miller, who is private, and nobody else."""

    def find(self, text: str) -> Sequence[Finding]:
        at = text.casefold().find("anna miller")
        return [] if at < 0 else [Finding(Kind.PERSON, at, at + 11, Sensitivity.PRIVATE, "record 7")]


DISGUISES = {
    "A n n a   M i l l e r": "blanks",
    "A-n-n-a--M-i-l-l-e-r": "dashes",
    "a. n. n. a.  m. i. l. l. e. r": "points",
    base64.b64encode(b"Tell Anna Miller").decode().rstrip("="): "base64",
    base64.urlsafe_b64encode("Ännchen und Anna Miller?".encode()).decode().rstrip("="): "base64 of URLs",
    b"Anna Miller".hex(): "hex",
    b"Anna Miller".hex(" ").upper(): "hex with blanks",
    quote("Anna Miller"): "URL",
}


@pytest.mark.parametrize("disguise", DISGUISES, ids=DISGUISES.values())
@pytest.mark.parametrize("around", ["{}", "Say {} to me.", "it is ({}), she said"])
def test_a_disguise_is_found_as_a_whole(disguise: str, around: str) -> None:
    text = around.format(disguise)
    found = Encoded(Miller()).find(text)
    assert (
        disguise in {text[each.start : each.end] for each in found} or disguise in text[found[0].start : found[0].end]
    )
    assert {(each.kind, each.label, each.source) for each in found} == {(Kind.SECRET, Sensitivity.PRIVATE, "record 7")}


@pytest.mark.parametrize(
    "text",
    [
        "Anna Miller came",  # found by the other detectors
        "A n n a   S m i t h",
        "I, a, b and c",
        base64.b64encode(b"The weather is fine today").decode(),
        "d41d8cd98f00b204e9800998ecf8427e",
        "internationalization of 100%25 of the strings",
    ],
)
def test_what_hides_nobody_is_left_alone(text: str) -> None:
    assert not Encoded(Miller()).find(text)


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for finding in Encoded(Miller()).find(text):
        assert 0 <= finding.start < finding.end <= len(text)
