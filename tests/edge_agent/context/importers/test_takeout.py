"""A folder of Google Takeout: mail, calendar, contacts, Keep and Chat, each once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record

MAIL = """From 1@xxx Tue Nov 24 08:00:00 +0000 2026
X-GM-THRID: 1
X-Gmail-Labels: Inbox,Opened
From: Priya <priya@example.com>
Subject: Dinner
Message-ID: <1@example.com>

Friday at seven?

From 2@xxx Tue Nov 24 09:00:00 +0000 2026
X-GM-THRID: 2
X-Gmail-Labels: Spam
From: Prince <prince@example.com>
Subject: Millions
Message-ID: <2@example.com>

Yours!

"""
CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Priya Nair\nTEL;TYPE=CELL:0176 1\nEND:VCARD\n"
KEEP = {
    "color": "DEFAULT",
    "isTrashed": False,
    "isPinned": True,
    "isArchived": False,
    "title": "Cabin",
    "textContent": "Bring",
    "listContent": [{"text": "lamp", "isChecked": True}, {"text": "wood", "isChecked": False}],
    "labels": [{"name": "Trips"}],
    "annotations": [{"url": "https://example.com/cabin", "title": "The cabin"}],
    "attachments": [{"filePath": "map.png", "mimetype": "image/png"}],
    "sharees": [{"email": "tobi@example.com", "isOwner": False}],
    "userEditedTimestampUsec": 1795510800000000,
    "createdTimestampUsec": 1795424400000000,
}
PRIYA = {"name": "Priya Nair", "email": "priya@example.com", "user_type": "Human"}
MESSAGES = {
    "messages": [
        {
            "creator": PRIYA,
            "created_date": "Tuesday, November 24, 2026 at 8:30:15\u202fAM UTC",
            "text": "Running late",
            "attached_files": [{"original_name": "bus.jpg", "export_name": "File-bus.jpg"}],
            "topic_id": "t1",
            "message_id": "g/t1/m1",
        },
        {
            "created_date": "Tuesday, November 24, 2026 at 8:31:00\u202fAM UTC",
            "message_id": "g/t1/m2",
            "message_state": "DELETED",
        },
        {"creator": PRIYA, "created_date": "gestern", "text": "secret words", "message_id": "g/t1/m3"},
    ]
}


@pytest.fixture
def takeout(tmp_path: Path) -> Path:
    def write(name: str, content: Any) -> None:
        path = tmp_path / "Takeout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")

    write("archive_browser.html", "<html><title>Google Data Export</title><p>Everything</html>")
    write("Mail/All mail Including Spam and Trash.mbox", MAIL)
    write("Mail/User Settings/Filters.json", {"filters": []})
    write("Contacts/All Contacts/All Contacts.vcf", CARD)
    write("Contacts/My Contacts/My Contacts.vcf", CARD)
    write("Keep/Cabin.json", KEEP)
    write("Keep/Cabin.html", "<html><title>Cabin</title><p>Bring</html>")
    write("Keep/Old.json", KEEP | {"isTrashed": True})
    write("Google Photos/2026/IMG_1.jpg.json", {"title": "IMG_1.jpg", "description": ""})
    write("Google Chat/Groups/DM 1/messages.json", MESSAGES)
    write("Google Chat/Groups/DM 1/group_info.json", {"members": [PRIYA, {"email": "nora@example.com"}]})
    write("Google Chat/Users/User 1/user_info.json", {"user": PRIYA})
    return tmp_path / "Takeout"


def test_each_thing_is_one_record(store: SqliteContextStore, takeout: Path) -> None:
    summary = import_paths(store, [takeout])
    by_kind: dict[str, list[Record]] = {}
    for record in store.list():
        by_kind.setdefault(record.kind, []).append(record)
    assert {kind: [record.title for record in records] for kind, records in by_kind.items()} == {
        "mail": ["Dinner"],
        "contact": ["Priya Nair"],
        "note": ["Cabin"],
        "chat": ["Priya Nair, nora@example.com"],
    }
    (skipped,) = summary.skipped
    assert "message 3" in skipped.source
    assert "secret" not in skipped.reason
    (note,), (chat,) = by_kind["note"], by_kind["chat"]
    assert note.body.split("\n") == [
        *("Bring", "- lamp (done)", "- wood", "https://example.com/cabin", "Tags: Trips.", "Attached: map.png.")
    ]
    assert (note.people, note.time) == (("tobi@example.com",), datetime(2026, 11, 23, 9, tzinfo=UTC))
    assert (chat.body, chat.people) == ("Running late\nAttached: bus.jpg.", ("Priya Nair",))
    assert chat.time == datetime(2026, 11, 24, 8, 30, 15, tzinfo=UTC)


def test_what_went_to_the_bin_since_is_removed(store: SqliteContextStore, takeout: Path) -> None:
    import_paths(store, [takeout])
    (takeout / "Keep" / "Cabin.json").write_text(json.dumps(KEEP | {"isTrashed": True}))
    assert import_paths(store, [takeout]).removed == 1
