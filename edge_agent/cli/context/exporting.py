"""`edgewise context export`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
from edge_agent.cli.terminal import ConfigOption, console
from orchestrator.errors import InvalidRequest


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
        with _replacing(out) as partial:
            count = _write_lines(partial, store.export(**given))
    console().print(f"Wrote {counted(count, 'record')} to {out}.", markup=False)


@contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    """A file beside `file`, for its owner's eyes, which takes its place once it is whole."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        yield partial
        partial.replace(file)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be written: {error.strerror}", remedy="name another file") from None
    finally:
        partial.unlink(missing_ok=True)


def _write_lines(file: Path, lines: Iterator[str]) -> int:
    count = 0
    with file.open("w", encoding="utf-8") as out:
        for line in lines:
            out.write(line + "\n")
            count += 1
    return count
