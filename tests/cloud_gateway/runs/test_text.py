"""A text that grows reads the same from every place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.runs.text import Text

PIECES = st.lists(st.text(min_size=1, max_size=200), max_size=80)


def grown(pieces: list[str]) -> Text:
    text = Text()
    for piece in pieces:
        text.append(piece)
    return text


def read(text: Text, cursor: int) -> list[str]:
    pieces = []
    while piece := text.behind(cursor):
        pieces.append(piece)
        cursor += len(piece)
    return pieces


@given(PIECES, st.data(), st.booleans())
def test_what_lies_behind_a_place_is_the_rest_of_the_text(pieces: list[str], data: st.DataObject, folded: bool) -> None:
    text, whole = grown(pieces), "".join(pieces)
    if folded:
        text.fold()
    cursor = data.draw(st.integers(0, len(whole)))
    assert (str(text), text.length) == (whole, len(whole))
    assert "".join(read(text, cursor)) == whole[cursor:]


@given(PIECES)
def test_who_keeps_up_sees_every_piece_as_it_came(pieces: list[str]) -> None:
    text, seen = Text(), []
    for piece in pieces:
        cursor = text.length
        text.append(piece)
        seen += read(text, cursor)
    assert seen == pieces


def test_who_fell_behind_gets_few_and_bounded_pieces() -> None:
    text = grown(["four"] * 10_000)
    pieces = read(text, 0)
    assert len(pieces) < 50
    assert max(map(len, pieces)) < 4500
    assert text.size_bytes < 60_000
