"""Google Chat, as Google Takeout writes it: a folder for each conversation, with messages.json and group_info.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edge_agent.context.importers.reading import Entry
from edge_agent.context.importers.text import loaded_json
from edge_agent.context.importers.turns import Conversation, Turn, each
from edge_agent.context.items import Item

_DATE: Final = "%A, %B %d, %Y at %I:%M:%S %p UTC"
"""Tuesday, November 24, 2026 at 9:30:15 AM UTC."""
_ABOUT: Final = frozenset({"group_info.json", "user_info.json"})


def is_about(path: Path) -> bool:
    """Whether a file only tells who talks: their names are in the messages already."""
    return path.name in _ABOUT


def recognises(path: Path) -> bool:
    """Whether a file holds the messages of one conversation."""
    return path.name == "messages.json" and (path.parent / "group_info.json").exists()


def read(path: Path) -> Iterator[Entry]:
    """The messages of one conversation, without those that were deleted.

    Raises:
        ValueError: it is not JSON, or not a list of messages.
    """
    loaded = loaded_json(path)
    messages = loaded.get("messages") if isinstance(loaded, dict) else None
    if not isinstance(messages, list):
        raise ValueError("it has no list of messages")
    conversation = Conversation("google-chat", _name(path.parent), path, known_as=path.parent.name)

    def said(message: Mapping[str, Any]) -> Item | None:
        return None if message.get("message_state") == "DELETED" else conversation.item(_turn(message))

    yield from each(messages, str(path), said)


def _turn(message: Mapping[str, Any]) -> Turn:
    writer = message.get("creator") or {}
    files = [file.get("original_name") or file.get("export_name") for file in message.get("attached_files") or []]
    return Turn(
        author=str(writer.get("name") or writer.get("email") or "Deleted account"),
        time=datetime.strptime(" ".join(message["created_date"].split()), _DATE).replace(tzinfo=UTC).astimezone(),
        text=str(message.get("text") or ""),
        known_as=str(message.get("message_id") or ""),
        files=tuple(str(file) for file in files if file),
    )


def _name(folder: Path) -> str:
    """The group's name, or those of who is in it; the folder's where nothing can be read."""
    try:
        about = loaded_json(folder / "group_info.json")
        names = [str(member.get("name") or member["email"]) for member in about.get("members") or []]
        return str(about.get("name") or ", ".join(names) or folder.name)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return folder.name
