"""`edgewise context backup`, `restore`, `check` and `repair`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.cli.context.opening import store_file
from edge_agent.cli.context.shown import counted, print_json
from edge_agent.cli.terminal import ConfigOption, JsonOption, console

if TYPE_CHECKING:
    from edge_agent.context.repair import Repair

_SHOWN_IDS: Final = 20

_NO_MORE_KNOWN: Final = {
    "forgotten": "What you forgot is no more known: an import of a file that has changed may bring it back.",
    "label_choices": "Which labels you chose for sources and people is no more known: choose them again.",
}
"""By table: what it means that a part of it was lost."""

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="Another store, as a backup.", show_default=False)
]


def backup(
    path: Annotated[
        Path | None,
        typer.Argument(help="A new file, or a folder; by default `backups` beside the store.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Copy the store into one file, while it is used, and check the copy."""
    from edge_agent.context.backup import backup as make

    store, encryption = store_file(config)
    target = path or store.parent / "backups"
    if path is None or target.is_dir():
        target = target / f"{store.stem}-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}{store.suffix}"
    made = make(store, target, encryption)
    if as_json:
        print_json({"path": str(made.path), "records": made.records, "file_bytes": made.file_bytes})
    else:
        size = f"{made.file_bytes / 1e6:.1f} MB"
        console().print(f"{counted(made.records, 'record')}, checked, in {made.path} ({size}).", markup=False)


def restore(
    path: Annotated[Path, typer.Argument(help="A backup.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put a backup in the store's place; what was there is kept beside it."""
    from edge_agent.context.backup import restore as put_back

    done = put_back(path, *store_file(config))
    if as_json:
        print_json({"records": done.records, "former": str(done.former) if done.former else None})
        return
    out = console()
    out.print(f"The store holds {counted(done.records, 'record')} now.")
    if done.former:
        out.print(f"What was there before is in {done.former}; remove it when you need it no more.", markup=False)


def check(file: FileArgument = None, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Look through the whole store; the status is 1 if anything is wrong."""
    from edge_agent.context.check import check as look_through

    store, encryption = store_file(config)
    found = look_through(file or store, encryption)
    if as_json:
        print_json(
            {
                "path": str(found.path),
                "sound": found.sound,
                "records": found.records,
                "faults": [{"part": fault.part, "text": fault.text} for fault in found.faults],
            }
        )
    else:
        out = console()
        if found.sound:
            out.print(f"{found.path} is sound: {counted(found.records, 'record')}.", markup=False)
        for fault in found.faults:
            out.print(fault.text, markup=False)
        if found.faults:
            named = f" {file}" if file else ""
            readable = f"{counted(found.records, 'record')} can be read. " if found.records else ""
            out.print(
                f"\n{readable}`edgewise context repair{named}` saves what it can into a new file; "
                "`edgewise context restore FILE` puts a backup in its place.",
                markup=False,
            )
    if not found.sound:
        raise typer.Exit(1)


def repair(file: FileArgument = None, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Build a damaged store anew from what can be read of it; the damaged file is kept beside it."""
    from edge_agent.context.repair import repair as make_whole

    store, encryption = store_file(config)
    path = file or store
    done = make_whole(path, encryption)
    if as_json:
        print_json(
            {
                "records": done.records,
                "faults": [{"part": fault.part, "text": fault.text} for fault in done.faults],
                "lost_record_ids": list(done.lost),
                "all_losses_known": done.all_known,
                "dropped": done.dropped,
                "former": str(done.former) if done.former else None,
            }
        )
        return
    out = console()
    if not done.faults:
        out.print(f"{path} is sound: nothing was to be done.", markup=False)
        return
    for fault in done.faults:
        out.print(fault.text, markup=False)
    out.print(f"\nThe store was made anew and holds {counted(done.records, 'record')}.")
    _print_losses(done)
    out.print(f"The damaged file is {done.former}.", markup=False)


def _print_losses(done: Repair) -> None:
    out = console()
    if done.lost:
        shown = ", ".join(map(str, done.lost[:_SHOWN_IDS])) + (", …" if len(done.lost) > _SHOWN_IDS else "")
        out.print(f"Lost: {counted(len(done.lost), 'record')}, with the ids {shown}.", style="red")
    elif done.all_known:
        out.print("No record was lost.")
    if not done.all_known:
        out.print("The list of records is damaged, too: more may be lost than is known.", style="red")
    for table, said in _NO_MORE_KNOWN.items():
        if done.dropped.get(table):
            out.print(said, style="red")
    if (done.lost or not done.all_known) and not any(map(done.dropped.get, _NO_MORE_KNOWN)):
        out.print("What came from files comes back when you import them again.")
    if done.dropped.get("vectors"):
        out.print("Some records have no vectors any more; they are made again by themselves.")
