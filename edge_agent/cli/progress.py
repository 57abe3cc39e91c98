"""How a pull or an import shows itself: bars on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge_agent.cli.terminal import console

if TYPE_CHECKING:
    from rich.console import Console

    from edge_agent.slm.progress import Advance, Progress


class Bars:
    """A bar a task, with the notes above it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, line: str) -> None:
        """Print the line."""
        self._console.print(line, markup=False, highlight=False)

    @contextmanager
    def task(self, label: str, total: int, *, in_bytes: bool = True) -> Iterator[Advance]:
        """Draw a bar while the block runs."""
        from rich import progress

        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            *((progress.DownloadColumn(), progress.TransferSpeedColumn()) if in_bytes else ()),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=self._console, transient=True) as bars:
            task = bars.add_task(label, total=total)
            yield lambda done: bars.update(task, completed=done)


class Lines:
    """The notes, and one line for each task as it begins."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, line: str) -> None:
        """Print the line."""
        self._console.print(line, markup=False, highlight=False)

    @contextmanager
    def task(self, label: str, total: int, *, in_bytes: bool = True) -> Iterator[Advance]:
        """Print the label."""
        self.note(f"{label} ({total / 1e6:,.0f} MB)" if in_bytes else label)
        yield lambda _done: None


def shown_progress() -> Progress:
    """Progress on standard error, so that what a command prints can be piped."""
    shown = console(stderr=True)
    return Bars(shown) if sys.stderr.isatty() else Lines(shown)
