"""`edgewise context forget`."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_agent.cli.context.opening import open_store
from edge_agent.cli.context.shown import counted
from edge_agent.cli.terminal import ConfigOption, console
from orchestrator.errors import InvalidRequest


def forget(
    record_id: Annotated[int | None, typer.Argument(metavar="ID", help="The record.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every record.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Remove a record, or all of them, from the file itself."""
    if (record_id is None) == (not everything):
        raise InvalidRequest("no record is named", remedy="name one ID, or --all")
    with open_store(config) as store:
        if record_id is not None:
            store.forget(record_id)
            console().print(f"Forgot record {record_id}.")
            return
        count = store.stats().records
        if not yes:
            typer.confirm(f"Forget {counted(count, 'record')}?", abort=True)
        console().print(f"Forgot {counted(store.forget_all(), 'record')}.")
