"""`edgewise context label` and `edgewise context why`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.cli.context.opening import open_store
from edge_agent.cli.context.shown import counted, print_json, printable, styled
from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import InvalidRequest
from orchestrator.types import Sensitivity

if TYPE_CHECKING:
    from edge_agent.context.inheriting import Relabelled
    from edge_agent.context.labelling import Provenance
    from edge_agent.context.store import SqliteContextStore

_AUTO: Final = "auto"
_REMEDY: Final = "for example `edgewise context label 12 private`; auto leaves it to the rules again"


def label(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]... LABEL", help="Records by id, and private, personal, public or auto."),
    ] = None,
    source: Annotated[
        str, typer.Option(help="All from a file or folder, also what comes later.", show_default=False)
    ] = "",
    person: Annotated[str, typer.Option(help="All that a person takes part in, also later.", show_default=False)] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Decide on all labels anew, by today's rules.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Choose how far records may travel, or show the rules and what was chosen."""
    given = bool(words or source or person)
    if apply and given:
        raise InvalidRequest("--apply is for all records", remedy="leave out the rest")
    with open_store(config) as store:
        if apply:
            _print_outcome(_apply(store), as_json=as_json)
        elif given:
            wanted, ids = _parsed(words or [])
            _print_outcome(store.labels.choose(wanted, ids=ids, source=source, person=person), as_json=as_json)
        else:
            _print_rules(store, as_json=as_json)


def why(
    record_id: Annotated[int, typer.Argument(metavar="ID", help="The record.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Why a record has its label, and what else speaks for one."""
    with open_store(config) as store:
        found = store.labels.why(record_id)
    if as_json:
        print_json(
            {
                "id": record_id,
                "sensitivity": found.record.sensitivity,
                "reason": found.reason,
                "speaking": [{"sensitivity": reason.label, "reason": reason.words} for reason in found.speaking],
                "stale": found.is_stale,
            }
        )
    else:
        _print_provenance(found)


def _parsed(words: list[str]) -> tuple[Sensitivity | None, list[int]]:
    """The label, which comes last, and the ids before it."""
    *ids, wanted = words or [""]
    if wanted not in (*Sensitivity, _AUTO):
        raise InvalidRequest(f"the last word is none of {', '.join(Sensitivity)} and {_AUTO}", remedy=_REMEDY)
    if not all(word.isdecimal() for word in ids):
        raise InvalidRequest("what comes before the label is no id", remedy=_REMEDY)
    return None if wanted == _AUTO else Sensitivity(wanted), [int(word) for word in ids]


def _apply(store: SqliteContextStore) -> Relabelled:
    from edge_agent.cli.progress import shown_progress

    records = store.stats().records
    with shown_progress().task(f"labelling {counted(records, 'record')}", records, in_bytes=False) as advance:
        return store.labels.apply(advance)


def _print_outcome(outcome: Relabelled, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "records": outcome.records,
                "raised": outcome.raised,
                "lowered": outcome.lowered,
                "against_rules": outcome.against_rules,
            }
        )
        return
    out = console()
    out.print(f"{counted(outcome.records, 'record')}: {outcome.raised} more private now, {outcome.lowered} less.")
    if outcome.against_rules:
        out.print(
            f"Of {counted(outcome.against_rules, 'record')} a rule says that it is more private; your choice stands.",
            style="yellow",
        )


def _print_rules(store: SqliteContextStore, *, as_json: bool) -> None:
    rules, choices = store.labels.rules.rules, store.labels.choices()
    if as_json:
        print_json(
            {
                "rules": [{"label": rule.label, "name": rule.name, **rule.conditions} for rule in rules],
                "choices": [{"label": choice.label, choice.about: choice.name} for choice in choices],
            }
        )
        return
    from rich.table import Table

    table = Table("label", "of", box=None, pad_edge=False)
    for choice in choices:
        table.add_row(styled(choice.label), printable(f"{choice.about} {choice.name} (your choice)"))
    for rule in rules:
        told = ", ".join(f"{name} {value}" for name, value in rule.conditions.items())
        table.add_row(styled(rule.label), printable(f"{rule.name}: {told}" if rule.name else told))
    table.add_row(styled(Sensitivity.PERSONAL), "all else")
    console().print(table)


def _print_provenance(found: Provenance) -> None:
    from rich.table import Table

    record, out = found.record, console()
    out.print(printable(f"{record.kind} {record.id}: {record.title or record.body}")[: out.width], markup=False)
    out.print(styled(record.sensitivity), f"since {printable(found.reason)}", markup=False)
    first, *others = found.speaking
    if found.is_stale:
        out.print(f"By today's rules: {first.label}, since {printable(first.words)}.", style="yellow", markup=False)
        out.print("`edgewise context label --apply` brings all records up to date.", markup=False)
    if others:
        table = Table("also", "since", box=None, pad_edge=False)
        for reason in others:
            table.add_row(styled(reason.label), printable(reason.words))
        out.print(table)
