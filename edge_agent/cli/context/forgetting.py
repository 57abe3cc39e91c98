"""`edgewise context forget`."""

from __future__ import annotations

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
from edge_agent.cli.context.shown import counted, print_json, print_records
from edge_agent.cli.sent import forget_what_was_sent
from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import InvalidRequest


def forget(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID", help="Records.", show_default=False)] = None,
    kind: KindOption = None,
    source: SourceOption = None,
    person: PersonOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    query: QueryOption = None,
    sensitivity: OfLabelOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every record.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove records from the files themselves: those with the IDs, or those for which all that is given holds.

    Asks first, unless each is named by its ID. Words, vectors, places in sources, answers that were made from them,
    what open agents keep, and the words of messages in which they once left, go, too.

    \b
      edgewise context forget 12 13
      edgewise context forget --person "Dr. Weber" --since 2026-01-01 --dry-run
      edgewise context forget --source ~/exports/inbox.mbox --yes
    """
    given = which(
        kind=kind, source=source, person=person, since=since, until=until, query=query, sensitivity=sensitivity
    )
    in_common = any(value is not None for value in given.values())
    if bool(ids) + in_common + everything != 1:
        raise InvalidRequest("which records?", remedy="name IDs, or what they have in common, or --all")
    from edge_agent.config import Config

    with open_store(config) as store:
        if dry_run or not (ids or yes):
            records = store.list() if everything else store.to_forget(*(ids or ()), **given)
            if dry_run:
                print_records(records, as_json=as_json, empty="No record is meant.")
                return
            if records:
                typer.confirm(f"Forget {counted(len(records), 'record')}?", abort=True, err=as_json)
        forget_what_was_sent(Config.load(config), store, None if everything else store.to_forget(*(ids or ()), **given))
        forgotten = store.forget_all() if everything else store.forget(*(ids or ()), **given)
    if forgotten.records:
        _forget_prompts(config)
    if as_json:
        print_json({"forgotten": forgotten.records, "wiped": forgotten.wiped})
        return
    console().print(f"Forgot {counted(forgotten.records, 'record')}.")
    if not forgotten.wiped:
        console(stderr=True).print(
            "Another program reads the store all the time: the files are rid of them when it is opened next.",
            style="yellow",
        )


def _forget_prompts(config: Path | None) -> None:
    """Saved beginnings of prompts hold no records, and go all the same. Open agents see to what is in memory."""
    from edge_agent.config import Config
    from edge_agent.slm.prefix_files import remove_all

    remove_all(Config.load(config).prefixes_path)
