"""Bookmarks: the page that every browser exports (Netscape's format), and the JSON of Chrome and of Firefox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from edge_agent.context.importers.reading import Entry
from edge_agent.context.importers.text import decoded, fingerprint, loaded_json
from edge_agent.context.items import Item
from orchestrator.types import Record

_SCHEMES: Final = ("http://", "https://", "ftp://", "file://")
"""Others are a browser's own: place:, javascript:, chrome:."""
_CHROMES_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TAGS_ROOT: Final = "tagsFolder"
"""Firefox repeats each bookmark in a folder for each of its tags."""


@dataclass(slots=True)
class _Bookmark:
    url: str
    folders: tuple[str, ...]
    title: str = ""
    added: datetime | None = None
    tags: str = ""
    """Their names, separated by commas."""
    description: str = ""


def is_page(head: str) -> bool:
    """Whether a page that begins with `head` is a browser's export."""
    return "NETSCAPE-BOOKMARK-FILE-1" in head.upper()


def recognises(head: str) -> bool:
    """Whether a JSON file that begins with `head` is Chrome's file or Firefox's backup."""
    return ('"roots"' in head and '"bookmark_bar"' in head) or '"text/x-moz-place-container"' in head


def read_page(path: Path) -> Iterator[Entry]:
    """The bookmarks of a page; one that is there twice is one record."""
    page = _Page()
    page.feed(decoded(path.read_bytes()))
    page.close()
    yield from _items(page.found, path)


def read_json(path: Path) -> Iterator[Entry]:
    """The bookmarks of Chrome's or Firefox's file.

    Raises:
        ValueError: it is not JSON, or has other parts than these files have.
    """
    loaded = loaded_json(path)
    try:
        if "roots" in loaded:
            found = [mark for root in loaded["roots"].values() for mark in _of_chrome(root, ())]
        else:
            found = list(_of_firefox(loaded, ()))
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError, RecursionError):
        raise ValueError("its bookmarks cannot be read") from None
    yield from _items(found, path)


def _items(found: Iterable[_Bookmark], path: Path) -> Iterator[Item]:
    seen: set[str] = set()
    for mark in found:
        if not mark.url.lower().startswith(_SCHEMES) or mark.url in seen:
            continue
        seen.add(mark.url)
        folder = " / ".join(name for name in mark.folders if name)
        tags = ", ".join(tag.strip() for tag in mark.tags.split(",") if tag.strip())
        lines = [
            mark.url,
            f"In the folder {folder}." if folder else "",
            f"Tags: {tags}." if tags else "",
            mark.description,
        ]
        record = Record(
            kind="bookmark",
            title=" ".join(mark.title.split()) or mark.url,
            body="\n".join(line for line in lines if line),
            time=mark.added,
            source=str(path),
        )
        yield Item.found(record, f"bookmark:{fingerprint(mark.url)}")


def _of_chrome(node: Any, folders: tuple[str, ...]) -> Iterator[_Bookmark]:
    if not isinstance(node, dict):
        return  # "sync_transaction_version" stands among the roots
    name = str(node.get("name") or "")
    if node.get("type") == "url":
        yield _Bookmark(str(node["url"]), folders, name, _moment(_CHROMES_EPOCH, node.get("date_added")))
    for child in node.get("children") or []:
        yield from _of_chrome(child, (*folders, name))


def _of_firefox(node: Mapping[str, Any], folders: tuple[str, ...]) -> Iterator[_Bookmark]:
    name = str(node.get("title") or "")
    if node.get("root") == _TAGS_ROOT:
        return
    if isinstance(node.get("uri"), str):
        added = _moment(_UNIX_EPOCH, node.get("dateAdded"))
        yield _Bookmark(node["uri"], folders, name, added, str(node.get("tags") or ""))
    for child in node.get("children") or []:
        yield from _of_firefox(child, (*folders, name))


def _moment(epoch: datetime, microseconds: Any) -> datetime | None:
    """So many microseconds after the epoch; None where it was not written down, or is no moment."""
    try:
        return (epoch + timedelta(microseconds=int(microseconds))).astimezone() if int(microseconds) else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


@dataclass(slots=True)
class _Text:
    """What is being written, and where to."""

    tag: str = ""
    parts: list[str] = field(default_factory=list)


class _Page(HTMLParser):
    """Collects links with their folders, which are headings before lists. The format never closes DT and DD."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[_Bookmark] = []
        self._folders: list[str] = []
        self._heading = ""
        self._text = _Text()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._finish()
        given = {name: value or "" for name, value in attrs}
        if tag == "dl":
            self._folders.append(self._heading)
            self._heading = ""
        elif tag == "a":
            added = f"{given.get('add_date', '')}000000"
            self.found.append(
                _Bookmark(
                    given.get("href", ""), tuple(self._folders), "", _moment(_UNIX_EPOCH, added), given.get("tags", "")
                )
            )
        if tag in ("a", "h3", "dd"):
            self._text = _Text(tag)

    def handle_endtag(self, tag: str) -> None:
        self._finish()
        if tag == "dl" and self._folders:
            self._folders.pop()

    def handle_data(self, data: str) -> None:
        self._text.parts.append(data)

    def close(self) -> None:
        super().close()
        self._finish()

    def _finish(self) -> None:
        """What was written belongs to the tag before it."""
        text, tag = " ".join("".join(self._text.parts).split()), self._text.tag
        self._text = _Text()
        if tag == "h3":
            self._heading = text
        elif self.found and tag == "a":
            self.found[-1].title = text
        elif self.found and tag == "dd" and text:
            self.found[-1].description = text
