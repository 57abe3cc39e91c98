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
from edge_agent.cli.context.shown import counted
from edge_agent.cli.terminal import ConfigOption, console
from orchestrator.errors import InvalidRequest


def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to; without it, to the terminal.", show_default=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write every record as a line of JSON, which `import` of a .jsonl file reads back the same."""
    with open_store(config) as store:
        if file is None or str(file) == "-":
            for line in store.export():
                sys.stdout.write(line + "\n")
            return
        with _replacing(file) as partial:
            count = _write_lines(partial, store.export())
    console().print(f"Wrote {counted(count, 'record')} to {file}.", markup=False)


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
