"""Telegram's JSON: one chat and all chats, pieces of text, files, service messages, broken ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.context.importers.formats import READERS
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.items import Item


def message(number: int, text: Any, **fields: Any) -> dict[str, Any]:
    at = 1795512600 + number
    basic = {"id": number, "type": "message", "date": "2026-11-24T09:30:00", "date_unixtime": str(at)}
    return {**basic, "from": "Hilde Kern", "from_id": "user7", "text": text, "text_entities": [], **fields}


CHAT = {
    "name": "Hilde Kern",
    "type": "personal_chat",
    "id": 4711,
    "messages": [
        {
            "id": 1,
            "type": "service",
            "date": "2026-11-24T09:30:00",
            "actor": "Hilde",
            "action": "pin_message",
            "text": "",
        },
        message(2, ["See ", {"type": "link", "text": "https://example.com"}, "!"]),
        message(3, "", file="(File not included. Change data exporting settings to download.)"),
        message(4, "The plan", **{"from": "Nora", "file": "files/plan.pdf", "file_name": "plan.pdf"}),
    ],
}


def entries(path: Path, export: Any) -> list[Entry]:
    path.write_text(json.dumps(export, ensure_ascii=False, indent=1), encoding="utf-8")
    return list(READERS[".json"](path))


def test_one_chat(tmp_path: Path) -> None:
    found = [entry for entry in entries(tmp_path / "result.json", CHAT) if isinstance(entry, Item)]
    assert [(item.key, item.record.people, item.record.body) for item in found] == [
        ("telegram:4711#2", ("Hilde Kern",), "See https://example.com!"),
        ("telegram:4711#4", ("Nora",), "The plan\nAttached: plan.pdf."),
    ]
    assert [(item.record.thread, item.record.position) for item in found] == [
        ("telegram:4711", 1),
        ("telegram:4711", 2),
    ]
    assert found[0].record.time == datetime.fromtimestamp(1795512602, UTC)
    assert found[0].record.title == "Hilde Kern"


@pytest.mark.parametrize("head", [{"about": "x"}, {"personal_information": {"bio": "x" * 9000}}])
def test_all_chats_and_a_broken_one(tmp_path: Path, head: dict[str, Any]) -> None:
    saved = {"type": "saved_messages", "id": 5, "messages": [message(1, "wifi: blue"), {"type": "message"}, 3]}
    found = entries(tmp_path / "result.json", {**head, "chats": {"about": "x", "list": [CHAT, saved, {"name": "x"}]}})
    assert [entry.record.title for entry in found if isinstance(entry, Item)] == ["Hilde Kern"] * 2 + ["Saved messages"]
    assert [entry.source.partition(", ")[2] for entry in found if isinstance(entry, Skipped)] == [
        "saved_messages 5, message 2",
        "saved_messages 5, message 3",
        "chat 3",
    ]
