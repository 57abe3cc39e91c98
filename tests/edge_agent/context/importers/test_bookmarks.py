"""Bookmarks of the browsers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.context.importers.formats import reader_of
from edge_agent.context.items import Item
from orchestrator.types import Record

ADDED = datetime(2020, 9, 10, 15, 7, 11, tzinfo=UTC)
SECONDS = int(ADDED.timestamp())

PAGE = f"""<!DOCTYPE NETSCAPE-Bookmark-file-1>
<!-- This is an automatically generated file. -->
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>Bookmarks</TITLE>
<H1>Bookmarks</H1>
<DL><p>
    <DT><H3 ADD_DATE="1" PERSONAL_TOOLBAR_FOLDER="true">Bookmarks bar</H3>
    <DL><p>
        <DT><A HREF="https://example.com/bread" ADD_DATE="{SECONDS}" TAGS="baking,home">Bread &amp; rolls</A>
        <DD>The one with the long rest
        <DT><H3>Deep</H3>
        <DL><p>
            <DT><A HREF="https://example.com/deep" ADD_DATE="0">Deep
            one</A>
        </DL><p>
    </DL><p>
    <DT><A HREF="https://example.com/" ADD_DATE="x"></A>
    <DT><A HREF="javascript:void(0)">Clever</A>
    <DT><A HREF="https://example.com/bread">Twice</A>
</DL><p>
"""
CHROME = {
    "checksum": "0",
    "roots": {
        "bookmark_bar": {
            "children": [
                {
                    "type": "folder",
                    "name": "Recipes",
                    "children": [
                        {
                            "type": "url",
                            "name": "Bread",
                            "url": "https://example.com/bread",
                            "date_added": str((SECONDS + 11_644_473_600) * 1_000_000),
                        }
                    ],
                }
            ],
            "name": "Bookmarks bar",
            "type": "folder",
        },
        "sync_transaction_version": "1",
    },
    "version": 1,
}
PLACE, FOLDER = "text/x-moz-place", "text/x-moz-place-container"
FIREFOX = {
    "guid": "root________",
    "title": "",
    "type": FOLDER,
    "root": "placesRoot",
    "children": [
        {
            "title": "menu",
            "type": FOLDER,
            "root": "bookmarksMenuFolder",
            "children": [
                {
                    "title": "Bread",
                    "type": PLACE,
                    "uri": "https://example.com/bread",
                    "dateAdded": SECONDS * 1_000_000,
                    "tags": "baking",
                },
                {"title": "Recent", "type": PLACE, "uri": "place:sort=8"},
            ],
        },
        {"title": "tags", "type": FOLDER, "root": "tagsFolder", "children": [{"title": "baking", "children": []}]},
    ],
}


def read(path: Path, text: str) -> list[Record]:
    path.write_text(text, encoding="utf-8")
    reader = reader_of(path)
    assert reader is not None
    entries = list(reader(path))
    assert all(isinstance(entry, Item) for entry in entries)
    return [entry.record for entry in entries if isinstance(entry, Item)]


def test_the_page_that_all_browsers_export(tmp_path: Path) -> None:
    bread, deep, bare = read(tmp_path / "bookmarks.html", PAGE)
    assert (bread.kind, bread.title, bread.time) == ("bookmark", "Bread & rolls", ADDED)
    assert bread.body.split("\n") == [
        "https://example.com/bread",
        "In the folder Bookmarks bar.",
        "Tags: baking, home.",
        "The one with the long rest",
    ]
    assert (deep.title, deep.time) == ("Deep one", None)
    assert deep.body.endswith("In the folder Bookmarks bar / Deep.")
    assert (bare.title, bare.body) == ("https://example.com/", "https://example.com/")


@pytest.mark.parametrize("name", ["Bookmarks", "chrome.json"])
def test_chromes_file(tmp_path: Path, name: str) -> None:
    (bread,) = read(tmp_path / name, json.dumps(CHROME))
    assert (bread.title, bread.time) == ("Bread", ADDED)
    assert bread.body == "https://example.com/bread\nIn the folder Bookmarks bar / Recipes."


def test_firefoxs_backup(tmp_path: Path) -> None:
    (bread,) = read(tmp_path / "bookmarks-2026-11-21.json", json.dumps(FIREFOX))
    assert (bread.title, bread.time) == ("Bread", ADDED)
    assert bread.body == "https://example.com/bread\nIn the folder menu.\nTags: baking."


def test_other_shapes_are_told_without_their_words(tmp_path: Path) -> None:
    (tmp_path / "Bookmarks").write_text('{"roots": {"bookmark_bar": {"type": "url", "secret": 1}}}')
    reader = reader_of(tmp_path / "Bookmarks")
    assert reader is not None
    with pytest.raises(ValueError, match="cannot be read"):
        list(reader(tmp_path / "Bookmarks"))
