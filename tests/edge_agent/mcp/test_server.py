"""The MCP server as the official client meets it: over a real process, and never with what is not shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp import Client, StdioServerParameters
from mcp_types import Implementation

from edge_agent.context.store import SqliteContextStore
from edge_agent.driver import Encryption
from edge_agent.journal import Journal
from edge_agent.keys import key_source
from orchestrator.types import Record, Sensitivity
from tests.edge_agent.context.test_forgetting import traces

ROOT = Path(__file__).resolve().parents[3]
PRIVATE, PERSONAL, PUBLIC = Sensitivity.PRIVATE, Sensitivity.PERSONAL, Sensitivity.PUBLIC


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with four records."""
    with SqliteContextStore(tmp_path / "context.db") as store:
        for text, label in (
            ("The boiler was serviced by Anna in May", PUBLIC),
            ("The boiler's warranty is in the blue folder", PERSONAL),
            ("The boiler Xylocarpous password is hunter2", PRIVATE),
            ("boiler " * 1000, PUBLIC),
        ):
            store.add(Record(kind="note", body=text, people=("Anna",), source="/secret/path.md", sensitivity=label))
    return tmp_path


@asynccontextmanager
async def client(home: Path, key_from: str = "keyring", **mcp: str) -> AsyncIterator[Client]:
    """The official client, with `edgewise mcp` as its own process."""
    context = {"embedding": "", "encryption": {"key_from": key_from}}
    (home / "agent.yaml").write_text(yaml.safe_dump({"context": context, "mcp": mcp}))
    server = StdioServerParameters(
        command=sys.executable,
        args=["-c", "from edge_agent.cli import main; main()", "mcp"],
        env={"EDGEWISE_HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
    )
    async with Client(server, client_info=Implementation(name="probe\n\x1b[2J", version="1")) as opened:
        yield opened


async def call(opened: Client, tool: str, **arguments: Any) -> Any:
    result = await opened.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.structured_content


@pytest.mark.anyio
async def test_a_client_finds_what_is_public_and_nothing_tells_of_the_rest(home: Path) -> None:
    async with client(home) as opened:
        tools = (await opened.list_tools()).tools
        assert [tool.name for tool in tools] == ["search_context", "recent_context", "add_record"]
        assert all(tool.description for tool in tools)
        found = (await call(opened, "search_context", query="Who serviced the boiler?"))["records"]
        assert [record["body"] for record in found] == ["The boiler was serviced by Anna in May"]
        found = (await call(opened, "search_context", query="boiler"))["records"]
        assert sorted(record["id"] for record in found) == [1, 4]
        found.sort(key=lambda record: record["id"])
        assert (found[1]["cut"], len(found[1]["body"])) == (True, 4000)
        for query in ("Xylocarpous", "boiler password", "hunter2", "blue folder"):
            assert (await call(opened, "search_context", query=query))["records"] == []
        recent = await call(opened, "recent_context")
        assert [record["id"] for record in recent["records"]] == [4, 1]
        assert "/secret" not in json.dumps([found, recent])
        assert (await call(opened, "recent_context", kind="event"))["records"] == []


@pytest.mark.anyio
async def test_personal_records_are_shared_where_the_user_says_so_and_private_ones_never(home: Path) -> None:
    async with client(home, share="personal") as opened:
        found = (await call(opened, "search_context", query="boiler warranty", limit=1))["records"]
        assert [record["id"] for record in found] == [2]
        recent = (await call(opened, "recent_context", limit=50))["records"]
        assert [record["id"] for record in recent] == [4, 2, 1]
        assert (await call(opened, "search_context", query="boiler password hunter2"))["records"] == []


def test_private_records_cannot_be_shared_by_the_configuration(home: Path) -> None:
    (home / "agent.yaml").write_text("mcp: {share: private}")
    program = [sys.executable, "-c", "from edge_agent.cli import main; main()", "mcp"]
    environment = {**os.environ, "EDGEWISE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    refused = subprocess.run(program, env=environment, input=b"", capture_output=True, check=False)
    assert refused.returncode == 1
    assert b"mcp.share" in refused.stderr


@pytest.mark.anyio
async def test_what_a_client_adds_is_never_more_public_than_its_kind(home: Path) -> None:
    async with client(home, share="personal") as opened:
        added = await call(opened, "add_record", text="Tea with Zoë", kind="event", time="2026-11-24T16:00+01:00")
        assert added == {"id": 5, "sensitivity": "personal"}
        assert (await call(opened, "add_record", text="a secret", private=True))["sensitivity"] == "private"
        assert (await call(opened, "recent_context", limit=1))["records"][0]["time"] == "2026-11-24T16:00:00+01:00"
        wrong = await opened.call_tool("add_record", {"text": "x", "time": "tomorrow"})
        assert wrong.is_error
        assert "ISO 8601" in str(wrong.content)
    with SqliteContextStore(home / "context.db") as store:
        kept = store.get(5)
    assert (kept.source, kept.time) == ("mcp:probe[2J", datetime.fromisoformat("2026-11-24T16:00+01:00"))


@pytest.mark.anyio
async def test_every_access_is_in_the_journal_and_no_word_of_it(home: Path) -> None:
    async with client(home) as opened:
        await call(opened, "search_context", query="What is the boiler password Xylocarpous?")
        await call(opened, "add_record", text="a note")
        refused = await opened.call_tool("search_context", {"query": "?!"})
        assert refused.is_error
        assert (await opened.call_tool("search_context", {"query": "boiler", "limit": 1000})).is_error
    with Journal.open(home / "journal.db") as journal:
        added, searched = journal.accesses(9)
    assert (added.tool, added.record_ids, added.client) == ("add_record", (5,), "probe[2J")
    assert (searched.tool, searched.withheld > 0) == ("search_context", True)
    assert not [name for name in traces(home) if name.startswith("journal")]


@pytest.mark.anyio
async def test_an_encrypted_store_is_opened_with_its_key(tmp_path: Path) -> None:
    key_from = f"file:{tmp_path / 'key'}"
    with SqliteContextStore(
        tmp_path / "context.db", encryption=Encryption(key_source(key_from), required=True)
    ) as store:
        store.add(Record(kind="note", body="The spare key is in the shed", sensitivity=PUBLIC))
    async with client(tmp_path, key_from) as opened:
        assert len((await call(opened, "recent_context"))["records"]) == 1
