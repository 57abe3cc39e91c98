"""Notes as pages (.html), as Apple Notes and its exporters write them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_agent.context.importers.notes import without_title
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import decoded, html_to_text
from edge_agent.context.items import Item
from orchestrator.types import Record

_TITLE: Final = re.compile(r"<title[^>]*>(?P<text>[^<]*)</title>", re.IGNORECASE)


def read(path: Path) -> Iterator[Entry]:
    """One page is one note, known by its path; its title is the page's, or else the file's name."""
    page = decoded(path.read_bytes())
    if "\0" in page:
        yield Skipped(str(path), "it is not a text")
        return
    found = _TITLE.search(page)
    title = " ".join(html.unescape(found["text"]).split()) if found else ""
    title = title or path.stem
    body = without_title(html_to_text(page), title)
    if not body and found is None:
        yield Skipped(str(path), "it is empty")
        return
    record = Record(kind="note", title=title, body=body, source=str(path))
    yield Item.found(record, f"file:{path}")
