"""Chats as text: the exports of WhatsApp on both platforms, and those of Signal's desktop data by signal-export.

Both begin a message with its time and its writer. How the time is written depends on the phone's language, and no
export says which it was: `chat_dates` finds out from all of them together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.context.importers.chat_dates import STAMP, Dates
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import decoded
from edge_agent.context.importers.turns import Conversation, Turn
from edge_agent.context.items import Item

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Directions of writing: WhatsApp puts them before names, attachments and its own lines."""
_HEAD = re.compile(rf"^(?P<open>\[)?(?P<stamp>{STAMP})(?(open)\][ ]?|[ ]-[ ])(?P<rest>.*)$")
_SAID = re.compile(r"^(?P<author>[^:\n]{1,80}):(?:[ ](?P<text>.*))?$")

_FILE = re.compile(r"^<[^<>:]{3,24}: (?P<ios>[^<>]+\.\w{2,5})>$|^(?P<android>\S[^\n]*\.\w{2,5}) \([^()]{5,30}\)$")
_LINKED = re.compile(r"!?\[(?P<name>[^\]]*)\]\((?:\./)?media/[^)]*\)")
"""signal-export's Markdown for what was sent along."""
_LEFT_OUT = re.compile(
    r"^(?:<[^<>]{4,40}>|(?:image|video|audio|sticker|GIF|document|Contact card) omitted|null"
    r"|(?:This message was deleted|You deleted this message)\.?)$",
    re.IGNORECASE,
)
_EDITED = re.compile(r"\s*<This message was edited>$")
_NAMES = (
    re.compile(r"^WhatsApp Chat (?:with|-) (?P<name>.+)$", re.IGNORECASE),
    re.compile(r"^WhatsApp[- ]Chat (?:mit|med|met|con|avec) (?P<name>.+)$", re.IGNORECASE),
    re.compile(r"^(?:Chat de WhatsApp con|Conversa do WhatsApp com|Discussion WhatsApp avec) (?P<name>.+)$"),
)
_GENERIC = frozenset({"_chat", "chat", "index"})
"""File names that say nothing: the folder's is the chat's."""
_SIGNALS = frozenset({"chat", "index"})


@dataclass(slots=True)
class _Block:
    """The lines of one message."""

    line: int
    stamp: str
    lines: list[str] = field(default_factory=list)
    own: bool = False
    """The app wrote it: its text begins with a mark."""


def recognises(text: str) -> bool:
    """Whether a text is such an export: its first line that says anything begins a message."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return _HEAD.match(_unmarked(first)) is not None


def is_told_twice(path: Path) -> bool:
    """Whether a file is signal-export's JSON of the chat beside it."""
    return path.name == "data.json" and (path.parent / "chat.md").exists()


def read(path: Path) -> Iterator[Entry]:
    """The messages of one chat; without lines of the app itself, and media that were left out of the export."""
    blocks = list(_blocks(decoded(path.read_bytes())))
    dates = Dates([block.stamp for block in blocks])
    conversation = Conversation(_app(path), _name(path), path)
    for block in blocks:
        moment = dates.moment(block.stamp)
        if moment is None:
            yield Skipped(f"{path}, line {block.line}", "its date cannot be read")
            continue
        said = _SAID.match(block.lines[0])
        if said is None:
            continue  # "Tobi joined": nobody said it
        text, files = _content("\n".join([said["text"] or "", *block.lines[1:]]).strip())
        if block.own and not files:
            continue
        item = conversation.item(Turn(said["author"].strip(), moment, text, files=files))
        if isinstance(item, Item):
            yield item


def _blocks(text: str) -> Iterator[_Block]:
    """Lines by message; what stands before the first is no message."""
    block: _Block | None = None
    for number, marked in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        line = _unmarked(marked)
        if head := _HEAD.match(line):
            if block is not None:
                yield block
            block = _Block(number, head["stamp"], [head["rest"]], own=": \u200e" in marked)
        elif block is not None:
            block.lines.append(line)
    if block is not None:
        yield block


def _unmarked(line: str) -> str:
    """With plain blanks, and without directions of writing."""
    return _MARKS.sub("", line).replace("\u202f", " ").replace("\u00a0", " ")


def _content(text: str) -> tuple[str, tuple[str, ...]]:
    """What was said, and the names of what was sent along."""
    files = [found["name"] or "a file" for found in _LINKED.finditer(text)]
    kept = []
    for line in _LINKED.sub("", _EDITED.sub("", text)).split("\n"):
        if found := _FILE.match(line.strip()):
            files.append(found["ios"] or found["android"])
        elif not _LEFT_OUT.match(line.strip()):
            kept.append(line)
    return "\n".join(kept), tuple(files)


def _app(path: Path) -> str:
    return "signal" if path.stem.lower() in _SIGNALS or path.suffix.lower() == ".md" else "whatsapp"


def _name(path: Path) -> str:
    """Whose chat it is, from the name of the file, or else of its folder."""
    stem = path.parent.name if path.stem.lower() in _GENERIC else path.stem
    return next((found["name"].strip() for pattern in _NAMES if (found := pattern.match(stem))), stem)
