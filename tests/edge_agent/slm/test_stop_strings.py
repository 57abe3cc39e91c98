"""Stop strings, under every way to cut a text."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.stop_strings import StopScanner

letters = st.text("ab\n", max_size=12)
stop_lists = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)


def reference(text: str, stops: list[str]) -> tuple[str, bool]:
    """Letter by letter: the first letter that completes a stop string ends the text in front of it."""
    for end in range(1, len(text) + 1):
        if done := [stop for stop in stops if text[:end].endswith(stop)]:
            return text[: end - max(map(len, done))], True
    return text, False


def scan(pieces: list[str], stops: list[str]) -> tuple[list[str], bool]:
    scanner = StopScanner(stops)
    shown = [scanner.push(piece) for piece in pieces]
    return [*shown, scanner.flush()], scanner.stopped


@given(text=letters, stops=stop_lists, cuts=st.sets(st.integers(0, 12)))
def test_the_result_does_not_depend_on_the_cuts(text: str, stops: list[str], cuts: set[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(places)]
    shown, stopped = scan(pieces, stops)
    assert ("".join(shown), stopped) == reference(text, stops)


def test_no_cut_at_all_leaks_a_part() -> None:
    text, stops = "one two <end> three", ["<end>", "<e|"]
    for count in range(4):
        for cut in combinations(range(1, len(text)), count):
            places = [0, *cut, len(text)]
            shown, stopped = scan([text[a:b] for a, b in pairwise(places)], stops)
            assert "".join(shown) == "one two "
            assert stopped


@given(text=letters, stops=stop_lists)
def test_what_was_shown_is_never_more_than_what_stands(text: str, stops: list[str]) -> None:
    scanner, seen = StopScanner(stops), ""
    final = reference(text, stops)[0]
    for letter in text:
        seen += scanner.push(letter)
        assert final.startswith(seen) or scanner.stopped


def test_without_stop_strings_nothing_is_held_back() -> None:
    scanner = StopScanner(())
    assert [scanner.push(piece) for piece in ("a", "", "bc")] == ["a", "", "bc"]
    assert scanner.flush() == ""


def test_nothing_comes_after_the_end() -> None:
    scanner = StopScanner(["."])
    assert scanner.push("Yes. No.") == "Yes"
    assert scanner.push("more") == ""
    assert scanner.flush() == ""
