"""`edgewise ask --dry-run`: what would leave, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_agent.cli.shown import harmless
from orchestrator.types import Effort, Route

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.preview import Preview, RecordPreview
    from orchestrator.privacy.egress import Outbound

_SAID = {None: "you would be asked", True: "you said always", False: "you said never: it stays"}


def as_json(shown: Preview) -> dict[str, Any]:
    """One object; `outbound` is null where nothing may leave, and `kept` says why."""
    decision, outbound = shown.decision, shown.outbound
    return {
        "leaves": shown.leaves,
        "destination": shown.destination or None,
        "terms_known": shown.terms is not None,
        "route": decision.route.value if decision else None,
        "rule": decision.rule if decision else None,
        "reason": decision.reason if decision else shown.refusal,
        "kept": shown.kept or None,
        "records": [
            {"id": record.id, "label": record.label.value, "action": record.action.value} for record in shown.records
        ],
        "agreed": shown.agreed,
        "outbound": None if outbound is None else _outbound_as_json(outbound),
    }


def _outbound_as_json(outbound: Outbound) -> dict[str, Any]:
    return {
        "label": outbound.label.value,
        "action": outbound.action.value,
        "record_ids": list(outbound.record_ids),
        "redactions": {kind.value: count for kind, count in sorted(outbound.redactions.items())},
        "told": sorted(outbound.told),
        "messages": [{"role": message.role, "text": message.text} for message in outbound.messages],
        "prefix": outbound.prefix,
    }


def print_preview(shown: Preview, out: Console) -> None:
    """In words, and what would leave to the letter."""
    out.print("[bold]Nothing was sent.[/bold] " + _route(shown), soft_wrap=True)
    if shown.records:
        out.print(f"records: {', '.join(map(_record, shown.records))}")
    if (outbound := shown.outbound) is None:
        out.print(f"Nothing may leave: {shown.kept}", markup=False)
        return
    at_once = "This would leave" if shown.leaves else "If the cloud were asked after all, this would leave"
    out.print(f"{at_once}, for {shown.destination}, under the rule {outbound.label.value}: {outbound.action.value}.")
    if outbound.action.value == "ask":
        out.print(f"consent: {_SAID[shown.agreed]}")
    replaced = ", ".join(f"{count} {kind}" for kind, count in sorted(outbound.redactions.items()))
    out.print(
        f"replaced: {replaced or 'nothing'}; told as it is: {', '.join(sorted(outbound.told)) or 'nothing found'}"
    )
    for message in outbound.messages:
        out.print(f"\n[bold]{message.role}[/bold]")
        out.print(harmless(message.text), markup=False)
    if outbound.prefix:
        out.print("\n[bold]the beginning of the answer[/bold]")
        out.print(harmless(outbound.prefix), markup=False)


def _route(shown: Preview) -> str:
    """Where it would be answered, as far as that can be known without asking the cloud."""
    from rich.markup import escape

    if (decision := shown.decision) is None:
        return f"No route would take it: {escape(shown.refusal)}"
    who = {Route.LOCAL: "The device", Route.CLOUD: "The cloud"}[decision.route]
    effort = "" if decision.effort is Effort.NONE else f" ({decision.effort.value})"
    if shown.outbound is None:
        known = ""
    elif shown.terms is None:
        known = " The cloud's prices are not known yet: it is taken to be up and free."
    else:
        known = " The cloud is taken to be up, at the prices of the last contact."
    return f"{who} would answer{effort}: {escape(decision.reason)}.{known}"


def _record(record: RecordPreview) -> str:
    words = {"keep": "stays", "redact": "goes, redacted", "ask": "goes, if you agree", "allow": "goes as it is"}
    return f"{record.id} ({record.label.value}) {words[record.action.value]}"
