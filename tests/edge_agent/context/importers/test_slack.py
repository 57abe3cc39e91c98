"""Slack's export: names for ids, threads, days, direct messages, broken files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.context.importers import import_paths
from edge_agent.context.importers.formats import READERS
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore


def message(ts: str, text: str, user: str = "U1", **fields: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": ts, **fields}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "kita"
    users = [
        {"id": "U1", "name": "hilde", "profile": {"real_name": "Hilde Kern", "display_name": "hilde"}},
        {"id": "U2", "name": "tobi", "real_name": "Tobi Nair", "profile": None},
    ]
    day = [
        message(
            "1795512600.000100",
            "<@U2> see <https://example.com|the plan> in <#C2|plans> &amp; reply",
            thread_ts="1795512600.000100",
        ),
        message("1795512601.000100", "has joined the channel", subtype="channel_join"),
        message("1795512602.000100", "Done", "U2", thread_ts="1795512600.000100"),
        message("1795512603.000100", "", "U2", files=[{"name": "plan.pdf"}]),
        {"type": "message", "text": "no time"},
        message("1795512604.000100", "Build is green", "", username="builds", subtype="bot_message"),
    ]
    files = {
        "users.json": users,
        "channels.json": [{"id": "C1", "name": "general"}],
        "dms.json": [{"id": "D1", "members": ["U1", "U2"]}],
        "general/2026-11-24.json": day,
        "D1/2026-11-24.json": [message("1795512605.000100", "just us <!here>")],
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def entries(path: Path) -> list[Entry]:
    return list(READERS[".json"](path))


def test_a_day_of_a_channel(workspace: Path) -> None:
    path = workspace / "general" / "2026-11-24.json"
    found = entries(path)
    items = [entry for entry in found if isinstance(entry, Item)]
    thread, day = "slack:kita/general/1795512600.000100", "slack:kita/general/2026-11-24"
    assert [(i.record.people, i.record.body, i.record.thread, i.record.position) for i in items] == [
        (("Hilde Kern",), "@Tobi Nair see the plan (https://example.com) in #plans & reply", thread, 1),
        (("Tobi Nair",), "Done", thread, 2),
        (("Tobi Nair",), "Attached: plan.pdf.", day, 1),
        (("builds",), "Build is green", day, 2),
    ]
    assert {item.record.title for item in items} == {"#general"}
    assert [entry for entry in found if isinstance(entry, Skipped)] == [
        Skipped(f"{path}, message 5", "the message cannot be read")
    ]


def test_the_whole_folder(workspace: Path, store: SqliteContextStore) -> None:
    summary = import_paths(store, [workspace])
    assert (summary.added, len(summary.skipped)) == (5, 1)
    assert [(record.title, record.body) for record in store.search("just us")] == [
        ("Hilde Kern, Tobi Nair", "just us @here")
    ]


def test_without_names_the_ids_remain(workspace: Path) -> None:
    (workspace / "users.json").write_text("{broken")
    (item,) = entries(workspace / "D1" / "2026-11-24.json")
    assert isinstance(item, Item)
    assert (item.record.people, item.record.title) == (("U1",), "U1, U2")
