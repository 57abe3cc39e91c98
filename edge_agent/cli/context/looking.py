"""`edgewise context search`, `list` and `stats`."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_agent.cli.context.opening import open_store
from edge_agent.cli.context.shown import print_json, print_records, printable
from edge_agent.cli.terminal import ConfigOption, JsonOption, console


def search(
    query: Annotated[str, typer.Argument(help="Words to look for; the last may be unfinished.")],
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find records by their words."""
    with open_store(config) as store:
        print_records(store.search(query, limit=limit), as_json=as_json, empty="Nothing has these words.")


def list_(
    kind: Annotated[str | None, typer.Option(help="Only this kind.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show records, the newest first."""
    with open_store(config) as store:
        print_records(store.list(kind=kind, limit=limit), as_json=as_json, empty="No records yet.")


def stats(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """How many records there are, of which kinds and labels, and how many are embedded with which model."""
    with open_store(config) as store:
        found = store.stats()
    if as_json:
        print_json(
            {
                "path": str(found.path),
                "encrypted": found.encrypted,
                "records": found.records,
                "by_kind": found.by_kind,
                "by_sensitivity": found.by_sensitivity,
                "embedded": found.embedded,
                "file_bytes": found.file_bytes,
            }
        )
        return
    from rich.table import Table

    table = Table("", "records", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    embedded = {f"embedded with {name}": count for name, count in found.embedded.items()}
    for group in (found.by_kind, found.by_sensitivity, embedded, {"all": found.records}):
        for name, count in group.items():
            table.add_row(printable(name), f"{count:,}")
        table.add_section()
    shown = console()
    shown.print(table)
    how = ", encrypted" if found.encrypted else ""
    shown.print(f"{found.file_bytes / 1e6:.1f} MB in {found.path}{how}", markup=False)
