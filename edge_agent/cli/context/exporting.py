"""`edgewise context export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.cli.context.opening import open_store
from edge_agent.cli.context.selecting import (
    KindOption,
    OfLabelOption,
    PersonOption,
    QueryOption,
    SinceOption,
    SourceOption,
    UntilOption,
    which,
)
from edge_agent.cli.context.shown import counted
from edge_agent.cli.files import write_lines
from edge_agent.cli.terminal import ConfigOption, console


def export(
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; without it, the terminal.", show_default=False)
    ] = None,
    kind: KindOption = None,
    source: SourceOption = None,
    person: PersonOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    query: QueryOption = None,
    sensitivity: OfLabelOption = None,
    config: ConfigOption = None,
) -> None:
    """Write records as lines of JSON, which `import` of a .jsonl file reads back the same: ids and labels, too.

    All records, or those for which all that is given holds. Private ones are among them: the file is yours alone.

    \b
      edgewise context export --out life.jsonl
      edgewise context export --kind event --since 2026-01-01
    """
    given = which(
        kind=kind, source=source, person=person, since=since, until=until, query=query, sensitivity=sensitivity
    )
    with open_store(config) as store:
        if out is None:
            for line in store.export(**given):
                sys.stdout.write(line + "\n")
            return
        count = write_lines(out, store.export(**given))
    console().print(f"Wrote {counted(count, 'record')} to {out}.", markup=False)
