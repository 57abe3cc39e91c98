"""`edgewise egress list` and `show`."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_agent.cli.context.selecting import moment
from edge_agent.cli.context.shown import counted, print_json
from edge_agent.cli.egress.opening import opened
from edge_agent.cli.shown import harmless
from edge_agent.cli.terminal import ConfigOption, JsonOption, console

if TYPE_CHECKING:
    from rich.console import Console

    from edge_agent.egress.entry import Call

_EMPTY_CALLS: Final = {"ListModels": "(which models?)", "Check": "(are you up?)"}
"""Calls that say nothing of the user's, and so need no rule."""
_NOTHING = "Nothing has left this device: the egress log is empty."


def list_(
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-11-24, or 2026-11-24T09:30.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List what left this device, the newest first: each call to the cloud, with its rule and its outcome.

    A call is numbered by its entry in the log. A list of models that was asked for is here too, though it says nothing
    of yours. The channel repeats a call to which nothing was answered, with the same bytes; how often, it does not
    tell: `show` says how often at most.

    \b
      edgewise egress list
      edgewise egress list --since 2026-11-20 --limit 100
      edgewise egress list --json
    """
    start = None if since is None else moment("--since", since)
    with opened(config) as log:
        calls = log.calls(limit=limit, since=start)
        anything = bool(calls) or bool(log.calls(limit=1))
    if as_json:
        print_json([_plain(call) for call in calls])
    elif calls:
        _print_table(calls)
    else:
        console().print("Nothing has left this device since then." if anything else _NOTHING)


def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="Of a call, as `edgewise egress list` shows it.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one call as it left: each message word for word, what was replaced in it, records, rule, and its outcome.

    What was forgotten since is gone from here too; the entry says so.

    \b
      edgewise egress show 12
      edgewise egress show 12 --json
    """
    with opened(config) as log:
        call = log.call(number)
    if as_json:
        print_json(_plain(call) | _words(call))
    else:
        _print_call(call, console())


def _plain(call: Call) -> dict[str, Any]:
    departure, cause = call.departure, call.departure.cause
    return {
        "id": call.number,
        "at": call.at.isoformat(),
        "target": departure.target,
        "method": call.method,
        "bytes": call.size,
        "attempts_at_most": departure.attempts,
        "metadata": dict(departure.metadata),
        "decision_id": cause.decision_id if cause else None,
        "request_id": cause.request_id if cause else None,
        "attempt": call.attempt,
        "rule": cause.rule if cause else None,
        "record_ids": list(cause.record_ids) if cause else [],
        "redactions": dict(cause.redactions) if cause else {},
        "outcome": call.outcome.value if call.outcome else None,
        "error_type": call.error_type or None,
        "ended_at": call.ended_at.isoformat() if call.ended_at else None,
        "words_kept": not call.is_blank,
        "hash": call.hash,
    }


def _words(call: Call) -> dict[str, Any]:
    """What was said; null where it is not kept, or no more."""
    if call.is_blank:
        return {"messages": None, "body": None}
    messages = [{"role": message.role, "text": message.text} for message in call.messages]
    return {"messages": messages, "body": base64.b64encode(call.departure.body).decode()}


def _print_table(calls: list[Call]) -> None:
    """One line a call. Where all went to one place, that stands above, so that the lines fit a narrow terminal."""
    from rich.table import Table
    from rich.text import Text

    targets = {call.departure.target for call in calls}
    table = Table(box=None, pad_edge=False)
    for name in ("id", "when", *(["to"] if len(targets) > 1 else []), "bytes", "rule", "records", "replaced"):
        right = name in ("id", "bytes", "records", "replaced")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=name in ("id", "when"))
    table.add_column("decision", no_wrap=True)
    table.add_column("outcome", overflow="fold")
    for call in calls:
        cause = call.departure.cause
        table.add_row(
            str(call.number),
            f"{call.at.astimezone():%y-%m-%d %H:%M}",
            *([Text(call.departure.target)] if len(targets) > 1 else []),
            f"{call.size:,}",
            cause.rule if cause else _EMPTY_CALLS.get(call.method, call.method),
            str(len(cause.record_ids) or "") if cause else "",
            str(sum(cause.redactions.values()) or "") if cause else "",
            cause.decision_id if cause else "",
            _outcome(call),
        )
    if len(targets) == 1:
        console().print(f"to {targets.pop()}", markup=False)
    console().print(table)


def _outcome(call: Call) -> str:
    if call.outcome is None:
        return "open"
    return f"{call.outcome.value}: {call.error_type}" if call.error_type else call.outcome.value


def _print_call(call: Call, out: Console) -> None:
    departure, cause = call.departure, call.departure.cause
    out.print(f"[bold]call {call.number}[/bold]  {call.at.astimezone():%Y-%m-%d %H:%M:%S}")
    out.print(f"to {departure.target}: {departure.method}", markup=False)
    often = "" if departure.attempts == 1 else f", sent at most {departure.attempts} times while nothing was answered"
    out.print(f"{counted(call.size, 'byte')}{often}", markup=False)
    for name, value in departure.metadata:
        out.print(f"beside it {name}: {value}", markup=False)
    if cause is None:
        out.print("for no question: it says nothing of yours")
    else:
        out.print(f"for decision {cause.decision_id}, its call no. {call.attempt}: `edgewise why {cause.decision_id}`")
        out.print(f"under the rule: {cause.rule}", markup=False)
        out.print(f"records in it: {', '.join(map(str, cause.record_ids)) or 'none'}")
        out.print(f"replaced in it: {_replaced(call) or 'nothing'}")
    out.print(_end(call), markup=False)
    if call.is_blank:
        out.print("what was said was forgotten since" if departure.kept else "what was said was not to be kept")
    for message in call.messages:
        out.print(f"\n[bold]{message.role}[/bold]")
        out.print(harmless(message.text), markup=False)


def _replaced(call: Call) -> str:
    cause = call.departure.cause
    return ", ".join(f"{count} {kind}" for kind, count in sorted(cause.redactions.items())) if cause else ""


def _end(call: Call) -> str:
    if call.outcome is None or call.ended_at is None:
        return "it has not ended: it still runs, or its process died"
    took_s = (call.ended_at - call.at).total_seconds()
    return f"it was {_outcome(call)}, after {took_s:.1f} s" if not call.error_type else f"it failed: {call.error_type}"
