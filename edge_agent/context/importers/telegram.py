"""Telegram Desktop's export as JSON (result.json): one chat, or all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import loaded_json
from edge_agent.context.importers.turns import Conversation, Turn, each
from edge_agent.context.items import Item, local_moment

_FILES = ("file_name", "file", "photo")
_LEFT_OUT = "(File "
"""What stands in place of a file that was not exported."""


def recognises(head: str) -> bool:
    """Whether a JSON file that begins with `head` is such an export."""
    one_chat = all(f'"{name}"' in head for name in ("name", "type", "id", "messages"))
    return head.lstrip().startswith("{") and (one_chat or '"personal_information"' in head)


def read(path: Path) -> Iterator[Entry]:
    """The messages of every chat in the file; "Tobi pinned a message" and its like are none.

    Raises:
        ValueError: it is not JSON, or not such an export.
    """
    export = loaded_json(path)
    if not isinstance(export, dict):
        raise ValueError("it is not an export of Telegram")
    for number, chat in enumerate(_chats(export), start=1):
        if isinstance(chat, dict) and isinstance(chat.get("messages"), list):
            yield from _turns(chat, path)
        else:
            yield Skipped(f"{path}, chat {number}", "it has no list of messages")


def _chats(export: Mapping[str, Any]) -> Iterator[Any]:
    if "messages" in export:
        yield export
    for part in ("chats", "left_chats"):
        section = export.get(part)
        listed = section.get("list") if isinstance(section, dict) else None
        yield from listed if isinstance(listed, list) else ()


def _turns(chat: Mapping[str, Any], path: Path) -> Iterator[Entry]:
    kind = str(chat.get("type") or "")
    name = "Saved messages" if kind == "saved_messages" else str(chat.get("name") or "Deleted account")
    conversation = Conversation("telegram", name, path, known_as=str(chat.get("id") or name))

    def said(message: Mapping[str, Any]) -> Item | None:
        return None if message["type"] == "service" else conversation.item(_turn(message))

    yield from each(chat["messages"], f"{path}, {kind or 'chat'} {chat.get('id')}", said)


def _turn(message: Mapping[str, Any]) -> Turn:
    seconds = message.get("date_unixtime")
    moment = datetime.fromtimestamp(int(seconds), UTC).astimezone() if seconds else local_moment(message["date"])
    names = (message.get(name) for name in _FILES)
    file = next((name for name in names if isinstance(name, str) and not name.startswith(_LEFT_OUT)), "")
    return Turn(
        author=str(message.get("from") or "Deleted account"),
        time=moment,
        text=_text(message.get("text")),
        known_as=str(message["id"]),
        files=(file.rsplit("/", 1)[-1],) if file else (),
    )


def _text(text: Any) -> str:
    """Plain, or in pieces: texts, and links or mentions with their text."""
    if isinstance(text, list):
        return "".join(piece if isinstance(piece, str) else str(piece["text"]) for piece in text)
    return text or ""
