"""`edgewise context import` and `watch`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.cli.context.embedding import embed_missing
from edge_agent.cli.context.opening import LabelOption, open_store
from edge_agent.cli.context.shown import counted, print_json, printable
from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import ImportFailed

if TYPE_CHECKING:
    from edge_agent.context.importers import ImportProgress, ImportSummary

_SHOWN_SKIPPED: Final = 20


def import_(
    paths: Annotated[
        list[Path], typer.Argument(help="Files (.ics .vcf .eml .mbox .md .txt .html .json .jsonl) and folders.")
    ],
    sensitivity: LabelOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Bring back what was forgotten, too.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring in calendars, contacts, mail, chats, notes, bookmarks. Again is fine: what is known is updated."""
    from edge_agent.context.importers import import_paths

    with open_store(config, embedding=not dry_run) as store:
        with _progress() as show:
            summary = import_paths(
                store, paths, sensitivity=sensitivity, dry_run=dry_run, again=again, on_progress=show
            )
        embed_missing(store)
    if as_json:
        print_json(
            {
                "added": summary.added,
                "updated": summary.updated,
                "unchanged": summary.unchanged,
                "removed": summary.removed,
                "skipped": [{"source": entry.source, "reason": entry.reason} for entry in summary.skipped],
                "ignored_files": summary.ignored,
                "forgotten": summary.forgotten,
            }
        )
    else:
        _print_summary(summary)
        if dry_run:
            console().print("A dry run: nothing was changed.")
    if summary.skipped and not (summary.added or summary.updated or summary.unchanged or summary.forgotten):
        raise ImportFailed("nothing could be imported", remedy="the reasons are above")


def watch(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders whose files are brought in, now and whenever they change.")
    ],
    sensitivity: LabelOption = None,
    config: ConfigOption = None,
) -> None:
    """Follow folders: what changes is imported, what is gone is removed. Ctrl-C ends it."""
    from edge_agent.context.importers.watch import watch as imports

    out = console()
    before: ImportSummary | None = None
    with open_store(config, embedding=True) as store, suppress(KeyboardInterrupt):
        for summary in imports(store, folders, sensitivity=sensitivity):
            known = before is not None and summary.skipped == before.skipped  # and was told
            if summary.changed or not known:
                out.print(f"{datetime.now().astimezone():%H:%M:%S}", end="  ")
                _print_summary(replace(summary, skipped=()) if known else summary)
            embed_missing(store)
            if before is None:
                out.print(f"Watching {_listed(folders)}; Ctrl-C ends it.", markup=False)
            before = summary
    out.print("Stopped. What was read is kept.")


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(printable(str(folder)) for folder in folders)


@contextmanager
def _progress() -> Iterator[Callable[[ImportProgress], None]]:
    """A bar of the files on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[items]:,} items"),
    )
    with progress.Progress(*columns, console=console(stderr=True), transient=True) as bars:
        task = bars.add_task("reading", total=None, items=0)

        def show(now: ImportProgress) -> None:
            name = printable(now.file.name)
            bars.update(task, description=name, completed=now.files_done, total=now.files, items=now.items)

        yield show


def _print_summary(summary: ImportSummary) -> None:
    out = console()
    out.print(f"{summary.added} new, {summary.updated} updated, {summary.unchanged} as before.")
    if summary.removed:
        out.print(f"Removed, since their files hold them no more: {counted(summary.removed, 'record')}.")
    if summary.forgotten:
        out.print(
            f"Left out, since you forgot them (--again brings them back): {counted(summary.forgotten, 'record')}."
        )
    if summary.ignored:
        out.print(f"Left alone, of other kinds: {counted(summary.ignored, 'file')}.")
    for entry in summary.skipped[:_SHOWN_SKIPPED]:
        out.print(f"skipped {printable(entry.source)}: {entry.reason}", style="yellow", markup=False)
    if len(summary.skipped) > _SHOWN_SKIPPED:
        out.print(f"and {len(summary.skipped) - _SHOWN_SKIPPED} more; --json lists them all", style="yellow")
