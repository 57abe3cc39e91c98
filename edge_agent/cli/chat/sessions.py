"""`edgewise chat list`, `show`, `rename` and `delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_agent.cli.context.opening import open_store
from edge_agent.cli.context.shown import LABEL_STYLES, counted, print_json, printable
from edge_agent.cli.sent import forget_what_was_sent
from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import RecordNotFound

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from edge_agent.context.conversations import Conversation

SessionArgument = Annotated[str, typer.Argument(metavar="NAME|ID", help="The conversation.")]


def last(agent: Agent) -> str:
    """The id of the conversation that was spoken in last.

    Raises:
        RecordNotFound: there is none.
    """
    found = agent.conversations.list()
    if not found:
        raise RecordNotFound("there is no conversation to resume", remedy="`edgewise chat` begins one")
    return found[0].id


def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show the conversations, the one that was spoken in last first."""
    with open_store(config) as store:
        found = store.conversations.list()
    if as_json:
        print_json([_fields(entry) for entry in found])
        return
    if not found:
        console().print("No conversations yet.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "last", "questions", "conversation", "label", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for entry in found:
        label = Text(entry.sensitivity.value, style=LABEL_STYLES[entry.sensitivity])
        title = Text(printable(entry.title), style="bold" if entry.name else "")
        table.add_row(entry.id, f"{entry.last:%Y-%m-%d %H:%M}", str(entry.exchanges), title, label)
    console().print(table)


def show(conversation: SessionArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Print a conversation."""
    from edge_agent.context.items import fields
    from edge_agent.context.turns import ANSWERED

    with open_store(config) as store:
        entry = store.conversations.get(conversation)
        turns = store.conversations.turns(entry.id)
    if as_json:
        print_json({**_fields(entry), "turns": [fields(turn) for turn in turns]})
        return
    out = console()
    out.print(f"[dim]{entry.id}, begun {entry.begun:%Y-%m-%d %H:%M}[/dim]")
    for turn in turns:
        out.print("agent " if turn.kind == ANSWERED else "you ", style="bold", end="")
        out.print(printable(turn.body), markup=False)


def rename(
    conversation: SessionArgument,
    name: Annotated[str, typer.Argument(help="What it shall be called.")],
    config: ConfigOption = None,
) -> None:
    """Give a conversation another name."""
    with open_store(config) as store:
        store.conversations.rename(store.conversations.get(conversation).id, name)
    console().print("Renamed.")


def delete(
    conversation: SessionArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Remove a conversation, every turn of it, from the file itself; what left of it loses its words, too."""
    from edge_agent.config import Config

    with open_store(config) as store:
        entry = store.conversations.get(conversation)
        if not yes:
            typer.confirm(f"Delete {counted(entry.exchanges, 'question')} and their answers?", abort=True)
        turns = store.conversations.turns(entry.id)
        forget_what_was_sent(Config.load(config), store, turns)
        store.forget(*(turn.id for turn in turns if turn.id is not None))
    console().print(f"Deleted {counted(len(turns), 'turn')}.")


def _fields(entry: Conversation) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "title": entry.title,
        "exchanges": entry.exchanges,
        "begun": entry.begun.isoformat(),
        "last": entry.last.isoformat(),
        "sensitivity": entry.sensitivity.value,
    }
