"""`edgewise context`: what the device knows about its user."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import ImportFailed, InvalidRequest
from orchestrator.types import Record, Sensitivity

if TYPE_CHECKING:
    from edge_agent.context.importers import ImportProgress, ImportSummary
    from edge_agent.context.store import SqliteContextStore

app = typer.Typer(help="Import, add, search, list, forget and export personal records.", no_args_is_help=True)

LabelOption = Annotated[
    Sensitivity | None,
    typer.Option("--sensitivity", help="How far it may travel; private never leaves this device.", show_default=False),
]
_SHOWN_SKIPPED = 20
_SHOWN_CHARACTERS = 300
_NARROWEST, _OTHER_COLUMNS = 20, 44
"""Characters of a table's column of texts at least, and of the columns beside it."""
_LABEL_STYLES = {Sensitivity.PUBLIC: "green", Sensitivity.PERSONAL: "yellow", Sensitivity.PRIVATE: "red"}


def open_store(config: Path | None = None, *, embedding: bool = False) -> SqliteContextStore:
    """The store that the configuration names; `embedding`: with the model that compares meanings."""
    from edge_agent.config import Config
    from edge_agent.context.store import SqliteContextStore

    chosen = Config.load(config)
    if not embedding:
        return SqliteContextStore(chosen.context_path)
    from edge_agent.assembly import open_embedder
    from edge_agent.cli.progress import shown_progress

    return SqliteContextStore(chosen.context_path, embedder=open_embedder(chosen, shown_progress()))


def _embed(store: SqliteContextStore) -> None:
    """Embed what is not embedded yet. Stopped in between, it goes on with the next import, or in an open agent."""
    from edge_agent.cli.progress import shown_progress

    missing = store.count_missing()
    if not missing:
        return
    with shown_progress().task(f"embedding {_counted(missing, 'record')}", missing, in_bytes=False) as advance:
        done = 0
        while embedded := store.embed_missing():
            done += embedded
            advance(done)


@app.command("import")
def import_(
    paths: Annotated[
        list[Path], typer.Argument(help="Files (.ics .vcf .eml .mbox .md .txt .json .jsonl) and folders.")
    ],
    sensitivity: LabelOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring in calendars, contacts, mail, chats and notes. Again is fine: what is known is updated, never doubled."""
    from edge_agent.context.importers import import_paths

    with open_store(config, embedding=True) as store:
        with _progress() as show:
            summary = import_paths(store, paths, sensitivity=sensitivity, on_progress=show)
        _embed(store)
    if as_json:
        _print_json(
            {
                "added": summary.added,
                "updated": summary.updated,
                "unchanged": summary.unchanged,
                "removed": summary.removed,
                "skipped": [{"source": entry.source, "reason": entry.reason} for entry in summary.skipped],
                "ignored_files": summary.ignored,
            }
        )
    else:
        _print_summary(summary)
    if summary.skipped and not (summary.added or summary.updated or summary.unchanged):
        raise ImportFailed("nothing could be imported", remedy="the reasons are above")


@app.command()
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
    from edge_agent.context.labels import Labels

    label = Labels(sensitivity).label(kind)
    record = Record(kind=kind, title=title, body=text, time=_moment(time), source="user", sensitivity=label)
    with open_store(config) as store:
        record_id = store.add(record)
    if as_json:
        _print_json({"id": record_id})
    else:
        console().print(f"Remembered as record {record_id} ({label.value}).")


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="Words to look for; the last may be unfinished.")],
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find records by their words."""
    with open_store(config) as store:
        _print_records(store.search(query, limit=limit), as_json=as_json, empty="Nothing has these words.")


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="Only this kind.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show records, the newest first."""
    with open_store(config) as store:
        _print_records(store.list(kind=kind, limit=limit), as_json=as_json, empty="No records yet.")


@app.command()
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
            typer.confirm(f"Forget {_counted(count, 'record')}?", abort=True)
        console().print(f"Forgot {_counted(store.forget_all(), 'record')}.")


@app.command()
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
    console().print(f"Wrote {_counted(count, 'record')} to {file}.", markup=False)


@app.command()
def stats(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """How many records there are, of which kinds and labels."""
    with open_store(config) as store:
        found = store.stats()
    if as_json:
        _print_json(
            {
                "path": str(found.path),
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
    for group in (found.by_kind, found.by_sensitivity, {"all": found.records}):
        for name, count in group.items():
            table.add_row(_printable(name), f"{count:,}")
        table.add_section()
    shown = console()
    shown.print(table)
    shown.print(f"{found.file_bytes / 1e6:.1f} MB in {found.path}", markup=False)


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
            name = _printable(now.file.name)
            bars.update(task, description=name, completed=now.files_done, total=now.files, items=now.items)

        yield show


def _print_summary(summary: ImportSummary) -> None:
    out = console()
    out.print(f"{summary.added} new, {summary.updated} updated, {summary.unchanged} as before.")
    if summary.removed:
        out.print(f"Removed, since their files hold them no more: {_counted(summary.removed, 'record')}.")
    if summary.ignored:
        out.print(f"Left alone, of other kinds: {_counted(summary.ignored, 'file')}.")
    for entry in summary.skipped[:_SHOWN_SKIPPED]:
        out.print(f"skipped {_printable(entry.source)}: {entry.reason}", style="yellow", markup=False)
    if len(summary.skipped) > _SHOWN_SKIPPED:
        out.print(f"and {len(summary.skipped) - _SHOWN_SKIPPED} more; --json lists them all", style="yellow")


def _print_records(records: Sequence[Record], *, as_json: bool, empty: str) -> None:
    """A JSON array, or a table with one line for each record."""
    if as_json:
        from edge_agent.context.items import fields

        _print_json([fields(record) for record in records])
        return
    if not records:
        console().print(empty)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "kind", "when", "what", "label", box=None, pad_edge=False)
    table.columns[0].justify = "right"
    out = console()
    table.columns[3].no_wrap = True
    table.columns[3].max_width = max(_NARROWEST, out.width - _OTHER_COLUMNS)
    for record in records:
        when = f"{record.time:%Y-%m-%d %H:%M}" if record.time else ""
        what = _printable(": ".join(part for part in (record.title, record.body) if part))
        label = Text(record.sensitivity.value, style=_LABEL_STYLES[record.sensitivity])
        table.add_row(str(record.id), Text(_printable(record.kind)), when, Text(what[:_SHOWN_CHARACTERS]), label)
    out.print(table)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def _printable(text: str) -> str:
    """One line without control characters: what a mail says must not steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))


def _moment(text: str) -> datetime | None:
    """The time of `--time`, in this device's zone where it names none."""
    from edge_agent.context.items import local_moment

    try:
        return local_moment(text) if text else None
    except ValueError:
        raise InvalidRequest("--time is no date or time", remedy="write it as 2026-11-24 or 2026-11-24T09:30") from None


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
