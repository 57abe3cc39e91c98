"""What the commands share: consoles, errors in one line, options that several of them take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from orchestrator.errors import EdgewiseError

if TYPE_CHECKING:
    from rich.console import Console

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; by default agent.yaml in the home folder.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
LocalOnlyOption = Annotated[bool, typer.Option("--local-only", help="Open no socket at all.")]


def console(*, stderr: bool = False) -> Console:
    """A console on standard output or error; plain text where that is no terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


@contextmanager
def errors_to(stream: TextIO) -> Iterator[None]:
    """Turn an `EdgewiseError` into one line and status 1."""
    try:
        yield
    except EdgewiseError as error:
        stream.write(f"error: {error}\n")
        sys.exit(1)
