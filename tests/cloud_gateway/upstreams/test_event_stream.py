"""Events come out whole, wherever the bytes were cut."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.event_stream import LARGEST_EVENT, EventStream
from orchestrator.errors import CloudInternal


def read(*pieces: bytes) -> list[bytes]:
    stream = EventStream()
    return [data for piece in pieces for data in stream.feed(piece)]


def by_the_standard(stream: bytes) -> list[bytes]:
    """The algorithm of the HTML standard, word for word, on the whole stream at once."""
    events, data = [], b""
    *lines, _ = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    for line in lines:
        if not line:
            if data:
                events.append(data.removesuffix(b"\n"))
            data = b""
            continue
        field, _, value = line.partition(b":")
        if field == b"data":
            data += value.removeprefix(b" ") + b"\n"
    return events


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\r\n\r\ndata:  b\r\r", [b"a", b" b"]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
        (b": a comment\nevent: error\nid: 1\nretry: 5\ndata: a\ndata: b\n\n", [b"a\nb"]),
        (b"event: ping\n\ndata\n\ndata: c\n\n", [b"", b"c"]),
        (b"data: not\x0bsplit\x1c\xc2\x85here\n\n", [b"not\x0bsplit\x1c\xc2\x85here"]),
        (b"data: never sent\n", []),
        (b"data : no\n\ndatax: no\n\n", []),
        (b"", []),
    ],
)
def test_lines_and_fields_are_those_of_the_standard(stream: bytes, events: list[bytes]) -> None:
    assert read(stream) == events == by_the_standard(stream)
    assert read(*(stream[place : place + 1] for place in range(len(stream)))) == events


_WORDS = st.sampled_from([b"data: ", b"data:", b"data", b"\n", b"\r", b"\r\n", b"\n\n", b": ", b"\xef\xbb\xbf", b"x"])


@given(st.lists(st.lists(_WORDS | st.binary(max_size=3), max_size=8).map(b"".join), max_size=8))
def test_any_bytes_cut_anywhere_are_read_by_the_standard(pieces: list[bytes]) -> None:
    assert read(*pieces) == by_the_standard(b"".join(pieces))


def test_an_event_is_sent_with_the_first_byte_of_its_blank_line() -> None:
    stream = EventStream()
    assert stream.feed(b"data: a\r\n\r") == [b"a"]
    assert stream.feed(b"\ndata: b\r\n\r") == [b"b"]


@pytest.mark.parametrize("piece", [b"x" * 4096, b"data: " + b"x" * 4096 + b"\n", b"data\n" * 4096])
def test_an_event_without_end_is_given_up(piece: bytes) -> None:
    with pytest.raises(CloudInternal, match="too large"):
        read(*[piece] * (LARGEST_EVENT // 4096 + 2))


def test_events_of_any_number_are_no_large_event() -> None:
    stream = EventStream()
    for _ in range(LARGEST_EVENT // 4096 + 2):
        assert stream.feed(b"data: " + b"x" * 4090) == []
        assert stream.feed(b"\ndata:\n\n") == [b"x" * 4090 + b"\n"]
