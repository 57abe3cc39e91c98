"""`edgewise mcp`: the user's records for other programs on this device."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from edge_agent.config import Config

_SHOWN: Final = 20


def mcp(
    log: Annotated[bool, typer.Option("--log", help="Only show who was given what, the latest first.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Let other programs search your records and add to them, by the Model Context Protocol over stdin and stdout.

    A client starts this command itself. Claude Code, Codex:

    \b
      claude mcp add edgewise -- edgewise mcp
      codex mcp add edgewise -- edgewise mcp

    Claude Desktop (claude_desktop_config.json), Cursor (~/.cursor/mcp.json):

    \b
      {"mcpServers": {"edgewise": {"command": "edgewise", "args": ["mcp"]}}}

    VS Code (.vscode/mcp.json):

    \b
      {"servers": {"edgewise": {"type": "stdio", "command": "edgewise", "args": ["mcp"]}}}

    Private records are never given. Personal ones neither, since nobody knows where a client sends what it reads; where
    all clients keep it on this device, `mcp.share: personal` in the configuration shares them. Every access is in the
    journal: --log shows it.
    """
    from edge_agent.config import Config

    chosen = Config.load(config)
    if log:
        _print_log(chosen, as_json)
    else:
        _serve(chosen)


def _serve(config: Config) -> None:
    from edge_agent.assembly import open_embedder
    from edge_agent.cli.progress import shown_progress
    from edge_agent.context.opening import open_context
    from edge_agent.journal import Journal
    from orchestrator.clock import SystemClock
    from orchestrator.types import Sensitivity

    try:
        from edge_agent.mcp import SharedRecords, create_server
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed", remedy="pip install 'edgewise[mcp]'") from None
    clock = SystemClock()
    # This command opens no socket, so a model that compares meanings is used only where it is here already.
    embedder = open_embedder(config.model_copy(update={"local_only": True}), shown_progress())
    with (
        open_context(config, embedder) as store,
        Journal.open(config.journal_path, clock) as journal,
    ):
        create_server(SharedRecords(store, journal, share=Sensitivity(config.mcp.share), clock=clock)).run("stdio")


def _print_log(config: Config, as_json: bool) -> None:
    from edge_agent.journal import Journal

    with Journal.open(config.journal_path) as journal:
        accesses = journal.accesses(_SHOWN)
    if as_json:
        import msgspec

        sys.stdout.write(json.dumps(msgspec.to_builtins(accesses)) + "\n")
        return
    if not accesses:
        console().print("No program has asked for records yet.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("when", "client", "tool", "records", "withheld", box=None, pad_edge=False)
    for access in accesses:
        when = f"{access.at.astimezone():%Y-%m-%d %H:%M:%S}"
        ids = ", ".join(map(str, access.record_ids)) or "none"
        table.add_row(when, Text(access.client), access.tool, ids, str(access.withheld))
    console().print(table)
