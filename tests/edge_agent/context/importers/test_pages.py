"""Notes as pages."""

from __future__ import annotations

from pathlib import Path

from edge_agent.context.importers.pages import read
from edge_agent.context.importers.reading import Skipped
from edge_agent.context.items import Item
from orchestrator.types import Record


def record(file: Path, page: str) -> Record:
    file.write_text(page, encoding="utf-8")
    (entry,) = read(file)
    assert isinstance(entry, Item)
    assert entry.key == f"file:{file}"
    return entry.record


def test_a_page_is_a_note_with_its_title_once(tmp_path: Path) -> None:
    page = (
        "<html><head><title>Spare &amp; other keys</title><style>b {}</style></head><body>"
        "<h1>Spare &amp; other keys</h1><ul><li>flat: <b>Hilde</b></li><li>cabin: Felix</li></ul></body></html>"
    )
    found = record(tmp_path / "1.html", page)
    assert (found.kind, found.title, found.body) == ("note", "Spare & other keys", "flat: Hilde\n\ncabin: Felix")


def test_without_a_title_it_is_the_name_of_the_file(tmp_path: Path) -> None:
    found = record(tmp_path / "Wifi_ cabin.html", "<div><b>Wifi: cabin</b></div><div><br></div><div>marmot</div>")
    assert (found.title, found.body) == ("Wifi_ cabin", "marmot")


def test_what_says_nothing_is_skipped(tmp_path: Path) -> None:
    for content in (b"", b"\0\0"):
        (tmp_path / "a.html").write_bytes(content)
        (entry,) = read(tmp_path / "a.html")
        assert isinstance(entry, Skipped)
