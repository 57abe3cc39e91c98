"""Files that were cut off, overwritten or mixed up: whatever is in them, an import ends with a summary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context.importers import import_paths
from edge_agent.context.importers.formats import reader_of
from edge_agent.context.store import SqliteContextStore

ICS = b"""BEGIN:VCALENDAR\r
X-WR-TIMEZONE:Europe/Berlin\r
BEGIN:VEVENT\r
UID:1\r
SUMMARY:Choir\r
DTSTART;TZID=Europe/Berlin:20260901T193000\r
DURATION:PT2H\r
RRULE:FREQ=WEEKLY;BYDAY=TU;UNTIL=20271231T000000Z\r
EXDATE;TZID=Europe/Berlin:20261222T193000\r
RDATE;VALUE=DATE:20261224\r
ATTENDEE;CN="Priya":mailto:p@example.com\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:1\r
RECURRENCE-ID:20261124T183000Z\r
DTSTART;VALUE=DATE:20261125\r
END:VEVENT\r
END:VCALENDAR\r
"""
VCF = b"""BEGIN:VCARD\r
VERSION:4.0\r
UID:urn:uuid:1\r
FN:Zo\xc3\xab\r
ADR;TYPE=home:;;Gartenweg 17;Potsdam;;14467;Germany\r
TEL;TYPE="voice,cell":0176 1\r
BDAY:--0602\r
item1.X-ABRELATEDNAMES:Felix\r
item1.X-ABLabel:_$!<Brother>!$_\r
RELATED;TYPE=friend:urn:uuid:2\r
END:VCARD\r
"""
MAIL = b"""From: =?utf-8?q?J=C3=B6rg?= <j@example.com>
Date: Tue, 24 Nov 2026 09:30:00 +0100
Message-ID: <1@example.com>
References: <0@example.com>
Content-Type: multipart/mixed; boundary="0123456789abcdef"

--0123456789abcdef
Content-Type: text/html; charset=latin-1
Content-Transfer-Encoding: quoted-printable

<p>H=E4llo <b>you</b>
--0123456789abcdef
Content-Disposition: attachment; filename="plan.pdf"

x
--0123456789abcdef--
"""
WHATSAPP = b"""[24.11.26, 09:30:00] Tobi: Keys
are here
[24.11.26, 09:31:00] Nora: \xe2\x80\x8e<attached: 1.jpg>
"""
NOTE = b"---\ntags: [a, b]\npeople: [[Tobi]]\ndate: 2026-11-24\n---\n# Keys\nwith [[Hilde|her]] ![[a.png]]\n"
PAGE = (
    b"<!DOCTYPE NETSCAPE-Bookmark-file-1><DL><p><DT><H3>F</H3><DL><p><DT><A HREF='https://a.b' ADD_DATE='1'>A</A><DD>d"
)
TELEGRAM = {
    "name": "Tobi",
    "type": "personal_chat",
    "id": 1,
    "messages": [
        {"id": 1, "type": "message", "date_unixtime": "1795510800", "from": "Tobi", "text": ["a", {"text": "b"}]}
    ],
}
KEEP = {"isTrashed": False, "isPinned": False, "textContent": "x", "createdTimestampUsec": 1795424400000000}
CHROME = {"roots": {"bookmark_bar": {"children": [{"type": "url", "url": "https://a.b", "date_added": "1"}]}}}
FIREFOX = {"type": "text/x-moz-place-container", "children": [{"uri": "https://a.b", "dateAdded": 1, "title": "A"}]}
RECORD = {"kind": "event", "title": "x", "time": "2026-11-24T09:30:00+01:00", "recurrence": "DTSTART:1", "position": 1}
FILES = {
    "a.ics": ICS,
    "a.vcf": VCF,
    "a.eml": MAIL,
    "a.mbox": b"From x\n" + MAIL + b"\nFrom y\n" + MAIL,
    "chat.txt": WHATSAPP,
    "a.md": NOTE,
    "a.html": PAGE,
    "page.html": b"<title>Keys</title><p>with <b>Hilde</b><style>x</style>",
    "telegram.json": json.dumps(TELEGRAM).encode(),
    "keep.json": json.dumps(KEEP).encode(),
    "Bookmarks": json.dumps(CHROME).encode(),
    "firefox.json": json.dumps(FIREFOX).encode(),
    "records.jsonl": json.dumps(RECORD).encode() + b"\n" + json.dumps(RECORD | {"key": "k", "id": 3}).encode(),
}
PIECES = st.binary(max_size=6) | st.sampled_from(
    [b"\0", b"\n", b"\xff\xfe", b"99999999999", b"{", b"]", b"=?", b":", b"-1"]
)
CUTS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), min_size=1, max_size=4)


@contextmanager
def opened() -> Iterator[tuple[SqliteContextStore, Path]]:
    with TemporaryDirectory() as home, SqliteContextStore(Path(home) / "context.db") as store:
        yield store, Path(home)


def garbled(data: bytes, cuts: list[tuple[float, int, bytes]]) -> bytes:
    """At some places some bytes are replaced by others."""
    for place, length, piece in cuts:
        start = int(place * len(data))
        data = data[:start] + piece + data[start + length :]
    return data


@pytest.mark.parametrize("name", FILES)
def test_as_it_is_each_file_gives_records(name: str) -> None:
    with opened() as (store, home):
        (home / name).write_bytes(FILES[name])
        summary = import_paths(store, [home / name])
        assert summary.added
        assert summary.skipped == ()


@settings(max_examples=25, deadline=None)
@given(cuts=CUTS, cut_off=st.floats(0, 1) | st.just(1.0))
@pytest.mark.parametrize("name", FILES)
def test_a_garbled_file_is_read_or_reported(name: str, cuts: list[tuple[float, int, bytes]], cut_off: float) -> None:
    data = garbled(FILES[name], cuts)
    with opened() as (store, home):
        (home / name).write_bytes(data[: int(cut_off * len(data))])
        summary = import_paths(store, [home / name])
        assert summary.added + summary.updated + len(summary.skipped) >= 0
        assert all(entry.source.startswith(str(home / name)) and entry.reason for entry in summary.skipped)
        assert len(store.list()) == summary.added


def test_every_kind_of_file_is_garbled() -> None:
    from edge_agent.context.importers.formats import READERS

    assert {Path(name).suffix for name in FILES} | {".htm", ".json"} >= set(READERS)
    assert all(reader_of(Path(name)) for name in FILES)
