"""Plain text out of what files hold."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_BLOCK_TAGS = """
address article blockquote br dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table td th tr ul
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_SILENT = frozenset({"head", "script", "style", "template", "title"})


def decoded(data: bytes) -> str:
    """Text in UTF-8 or UTF-16 with their marks, or else in Windows-1252, which can read any bytes."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def loaded_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON.
    """
    try:
        return json.loads(decoded(path.read_bytes()))
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None


def fingerprint(text: str) -> str:
    """Sixteen hexadecimal digits that stand for `text` in a key, so that keys hold no texts."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def tidied(text: str) -> str:
    """Without trailing blanks, and with at most one empty line in a row."""
    lines = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def html_to_text(html: str) -> str:
    """What a reader of the page would see, a line for each block."""
    parser = _Visible()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return tidied("\n".join(lines))


class _Visible(HTMLParser):
    """Collects text outside scripts and styles, with line ends around blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._silent.clear()  # whatever the head left open
        elif tag in _SILENT:
            self._silent.append(tag)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data.replace("\n", " "))
