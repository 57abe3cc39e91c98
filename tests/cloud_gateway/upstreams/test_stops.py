"""An answer ends before its first stop string, however it was cut into pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.stops import Stops

TEXT = st.text("ab\n", max_size=12)
STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), min_size=1, max_size=3)


def shown(stops: list[str], prefix: str, pieces: list[str]) -> tuple[str, bool]:
    watch = Stops(stops, prefix)
    text = "".join(watch.push(piece) for piece in pieces) + watch.flush()
    return text, watch.hit


def expected(stops: list[str], prefix: str, text: str) -> tuple[str, bool]:
    """The same, found letter by letter."""
    for end in range(len(prefix) + 1, len(prefix + text) + 1):
        sizes = [len(stop) for stop in stops if (prefix + text)[:end].endswith(stop)]
        if sizes:
            return (prefix + text)[len(prefix) : max(len(prefix), end - max(sizes))], True
    return text, False


def test_what_may_be_the_beginning_of_a_stop_is_held_back() -> None:
    watch = Stops(["END"])
    assert [watch.push(piece) for piece in ("a E", "N", "T ", "EN", "D b", "c")] == ["a ", "", "ENT ", "", "", ""]
    assert watch.hit
    assert watch.flush() == ""


def test_a_stop_may_begin_in_the_prefix_which_is_not_taken_back() -> None:
    assert shown(["\n\n"], "a\n", ["\n", "b"]) == ("", True)
    assert shown(["\n\n"], "a\n\n", ["b\nc"]) == ("b\nc", False)


@given(STOPS, TEXT, TEXT, st.data())
def test_pieces_make_no_difference(stops: list[str], prefix: str, text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert shown(stops, prefix, pieces) == expected(stops, prefix, text)
