"""A workspace exported from Slack: users.json, channels.json, and a folder per channel with a file per day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edge_agent.context.importers.reading import Entry
from edge_agent.context.importers.text import loaded_json
from edge_agent.context.importers.turns import Conversation, Turn, each
from edge_agent.context.items import Item

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_CHANNEL_LISTS: Final = ("channels.json", "groups.json", "dms.json", "mpims.json")
_ABOUT: Final = frozenset({"users.json", "integration_logs.json", "canvases.json", *_CHANNEL_LISTS})
_SAID: Final = frozenset({"", "thread_broadcast", "me_message", "file_share", "bot_message", "file_comment"})
"""Subtypes of messages that somebody wrote; the others tell who joined, left or renamed."""
_REFERENCE = re.compile(r"<(?P<sign>[@#!]?)(?P<target>[^<>|]+)(?:\|(?P<words>[^<>]*))?>")
_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def is_about(path: Path) -> bool:
    """Whether a file only describes the workspace: what it says is in the messages' names already."""
    return path.name in _ABOUT and (path.parent / "users.json").exists()


def recognises(path: Path) -> bool:
    """Whether a file holds one day of one channel."""
    return _DAY.match(path.stem) is not None and (path.parent.parent / "users.json").exists()


def read(path: Path) -> Iterator[Entry]:
    """The messages of one day, with names in place of ids. A thread of replies is a conversation of its own.

    Raises:
        ValueError: it is not JSON, or not a list of messages.
    """
    messages = loaded_json(path)
    if not isinstance(messages, list):
        raise ValueError("it is not a list of messages")
    names = _names(path.parent.parent / "users.json")
    channel = _channel(path.parent, names)
    conversations: dict[str, Conversation] = {}

    def said(message: Mapping[str, Any]) -> Item | None:
        if message["type"] != "message" or message.get("subtype", "") not in _SAID:
            return None
        part = _thread(message) or path.stem
        if part not in conversations:
            known_as = f"{path.parent.parent.name}/{path.parent.name}/{part}"
            conversations[part] = Conversation("slack", channel, path, known_as=known_as)
        return conversations[part].item(_turn(message, names))

    yield from each(messages, str(path), said)


def _thread(message: Mapping[str, Any]) -> str:
    """The moment of the message that a thread hangs on, in that message too."""
    return str(message.get("thread_ts") or "")


def _turn(message: Mapping[str, Any], names: Mapping[str, str]) -> Turn:
    profile = message.get("user_profile") or {}
    author = names.get(message.get("user", "")) or profile.get("real_name") or message.get("username") or ""
    files = tuple(file["name"] for file in message.get("files", []) if file.get("name"))
    return Turn(
        author=author or str(message.get("user") or message.get("bot_id") or ""),
        time=datetime.fromtimestamp(float(message["ts"]), UTC).astimezone(),
        text=_plain(message.get("text") or "", names),
        known_as=str(message["ts"]),
        files=files,
    )


def _plain(text: str, names: Mapping[str, str]) -> str:
    """Slack's markup as people see it: `<@U1>` is a name, `<https://…|words>` are words."""

    def shown(found: re.Match[str]) -> str:
        target, words = found["target"], found["words"]
        if found["sign"] == "@":
            return "@" + (words or names.get(target, target))
        if found["sign"] == "#":
            return "#" + (words or target)
        if found["sign"] == "!":
            return "@" + (words or target.split("^")[0])
        return f"{words} ({target})" if words and words != target else target

    text = _REFERENCE.sub(shown, text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def _names(users: Path) -> dict[str, str]:
    """Ids of users and their names, from the workspace's list; a broken list names nobody."""
    names: dict[str, str] = {}
    for user in _listed(users):
        profile = user.get("profile") or {}
        name = profile.get("real_name") or user.get("real_name") or profile.get("display_name") or user.get("name")
        if isinstance(name, str):
            names[str(user.get("id"))] = name
    return names


def _channel(folder: Path, names: Mapping[str, str]) -> str:
    """`#name`; of direct messages, whose folder is an id, the names of those who talk."""
    for dm in _listed(folder.parent / "dms.json"):
        if dm.get("id") == folder.name:
            return ", ".join(names.get(str(member), str(member)) for member in dm.get("members") or [])
    return f"#{folder.name}"


def _listed(path: Path) -> list[dict[str, Any]]:
    try:
        listed = loaded_json(path)
    except (OSError, ValueError):
        return []
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
