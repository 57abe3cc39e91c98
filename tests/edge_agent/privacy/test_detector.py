"""Several detectors as one: what becomes of findings that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.privacy.detector import Detectors, resolved
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

PERSONAL, PRIVATE = Sensitivity.PERSONAL, Sensitivity.PRIVATE

findings = st.lists(
    st.builds(
        lambda kind, start, length, label, source: Finding(kind, start, start + length, label, source),
        st.sampled_from([Kind.PERSON, Kind.GPE, Kind.PHONE_NUMBER]),
        st.integers(0, 30),
        st.integers(1, 12),
        st.sampled_from([PERSONAL, PRIVATE]),
        st.sampled_from(["pattern", "name", "record 12"]),
    ),
    max_size=8,
)


class Fixed:
    """Finds always the same."""

    def __init__(self, *found: Finding) -> None:
        self._found = found

    def find(self, text: str) -> Sequence[Finding]:
        return self._found


@given(findings)
def test_no_character_is_lost_no_label_is_lowered(found: list[Finding]) -> None:
    result = resolved(found)
    assert all(one.end <= two.start for one, two in pairwise(result))
    covered = {place for each in found for place in range(each.start, each.end)}
    assert {place for each in result for place in range(each.start, each.end)} == covered
    for each in found:
        here = [other for other in result if other.start < each.end and each.start < other.end]
        assert max(other.label.rank for other in here) >= each.label.rank


def test_one_inside_another_belongs_to_it_and_its_label_stays() -> None:
    mail = Finding(Kind.EMAIL_ADDRESS, 0, 16, PERSONAL, "pattern")
    name = Finding(Kind.PERSON, 0, 4, PRIVATE, "record 3")
    (only,) = Detectors([Fixed(mail), Fixed(name)]).find("anna@example.org")
    assert only == Finding(Kind.EMAIL_ADDRESS, 0, 16, PRIVATE, "record 3")


def test_what_the_store_knows_stays_whole() -> None:
    place = Finding(Kind.GPE, 5, 20, PERSONAL, "name")
    name = Finding(Kind.PERSON, 0, 10, PERSONAL, "record 3")
    result = Detectors([Fixed(place), Fixed(name)]).find("Anna Maier of Freiburg")
    assert result == [name, Finding(Kind.GPE, 11, 20, PERSONAL, "name")]


def test_two_of_one_kind_are_joined() -> None:
    guess = Finding(Kind.PERSON, 3, 10, PERSONAL, "name")
    known = Finding(Kind.PERSON, 0, 4, PERSONAL, "record 3")
    assert resolved([guess, known]) == [Finding(Kind.PERSON, 0, 10, PERSONAL, "record 3")]


def test_a_guess_around_what_the_store_knows_is_known() -> None:
    known = Finding(Kind.PERSON, 3, 9, PERSONAL, "record 7")
    for kind in (Kind.PERSON, Kind.ORGANIZATION, Kind.GPE):
        guess = Finding(kind, 0, 9, PERSONAL, "name")
        for order in ([guess, known], [known, guess]):
            assert resolved(order) == [Finding(Kind.PERSON, 0, 9, PERSONAL, "record 7")]
    private = Finding(Kind.PERSON, 3, 9, PRIVATE, "record 8")
    assert resolved([Finding(Kind.GPE, 0, 9, PERSONAL, "name"), private]) == [
        Finding(Kind.PERSON, 0, 9, PRIVATE, "record 8")
    ]
