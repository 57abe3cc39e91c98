"""`edgewise context add`."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_agent.cli.context.opening import LabelOption, open_store
from edge_agent.cli.context.selecting import moment
from edge_agent.cli.context.shown import print_json
from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.types import Record


def add(
    text: Annotated[str, typer.Argument(help="What to remember.")],
    sensitivity: LabelOption = None,
    kind: Annotated[str, typer.Option(help="note, event, contact, …")] = "note",
    title: Annotated[str, typer.Option(help="A title.", show_default=False)] = "",
    time: Annotated[
        str, typer.Option(help="When it happens, as 2026-11-24 or 2026-11-24T09:30.", show_default=False)
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remember one thing."""
    from edge_agent.context.items import Item

    at = moment("--time", time) if time else None
    record = Record(kind=kind, title=title, body=text, time=at, source="user")
    with open_store(config) as store:
        record_id = store.add(Item(record, marked=False, chosen=sensitivity))
        label = store.get(record_id).sensitivity
    if as_json:
        print_json({"id": record_id})
    else:
        console().print(f"Remembered as record {record_id} ({label.value}).")
