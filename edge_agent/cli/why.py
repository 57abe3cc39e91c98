"""`edgewise why`: a stored decision, explained."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import InvalidRequest

if TYPE_CHECKING:
    from rich.console import Console

    from edge_agent.journal import Journal, StoredDecision
    from orchestrator.types import Answer, Decision, Prediction
    from orchestrator.units import Interval


def why(
    decision_id: Annotated[str | None, typer.Argument(help="As printed in a receipt.")] = None,
    last: Annotated[bool, typer.Option("--last", help="The latest decision.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Explain a decision: what each route was expected to do, the rule or score that chose, what happened."""
    from edge_agent.config import Config
    from edge_agent.journal import Journal

    with Journal.open(Config.load(config).journal_path) as journal:
        stored = _find(journal, decision_id, last)
    if as_json:
        import msgspec

        sys.stdout.write(json.dumps(msgspec.to_builtins(stored)) + "\n")
    else:
        _print(stored, console())


def _find(journal: Journal, decision_id: str | None, last: bool) -> StoredDecision:
    if decision_id is not None:
        return journal.decision(decision_id)
    recent = journal.recent(1)
    if not recent:
        raise InvalidRequest("nothing was decided on this device yet", remedy='ask something: edgewise ask "…"')
    if not last:
        raise InvalidRequest("which decision?", remedy=f"name one, such as {recent[0].id}, or use --last")
    return recent[0]


def _print(stored: StoredDecision, out: Console) -> None:
    out.print(f"[bold]decision {stored.id}[/bold]  {stored.at.astimezone():%Y-%m-%d %H:%M:%S}")
    if stored.decision is not None:
        _print_decision(stored.decision, out)
        _print_pledge(stored, out)
    if stored.answer is not None:
        _print_outcome(stored.answer, out)
    elif stored.error_type:
        out.print(f"it ended in {stored.error_type}: {stored.error_message}", markup=False)
    else:
        out.print("it has not ended: it still runs, or its process died")


def _print_pledge(stored: StoredDecision, out: Console) -> None:
    """A promise that left the choice to the value of the routes; where it did not, it is the reason told above."""
    import msgspec

    from orchestrator.routing.promise import Pledge

    plain = stored.situation.get("pledge")
    if plain and stored.decision is not None and stored.decision.rule != "promise":
        out.print(msgspec.convert(plain, Pledge).reason, markup=False)


def _print_decision(decision: Decision, out: Console) -> None:
    from rich.table import Table

    out.print(f"chose [bold]{decision.route.value}[/bold] by {decision.rule}: {decision.reason}")
    for route, reason in decision.excluded.items():
        out.print(f"not {route}: {reason}", markup=False)
    table = Table(title="predicted: expected (about 90 % of outcomes)", title_justify="left", pad_edge=False, box=None)
    table.add_column("")
    for prediction in decision.predictions:
        table.add_column(prediction.route.value, justify="right")
    for name, digits, of in _QUANTITIES:
        table.add_row(name, *(_cell(of(prediction), digits) for prediction in decision.predictions))
    out.print(table)
    worst = decision.worst_case
    out.print(
        f"reserved at worst {worst.device_joules:.1f} J and {worst.usd:.6f} USD, for {decision.max_tokens} tokens"
    )


_QUANTITIES: Final[tuple[tuple[str, int, Callable[[Prediction], Interval]], ...]] = (
    ("chance of a good answer", 2, lambda p: p.quality),
    ("first token, ms", 0, lambda p: p.first_token_ms),
    ("all, ms", 0, lambda p: p.total_ms),
    ("device, J", 1, lambda p: p.device_joules),
    ("cloud, J", 1, lambda p: p.cloud_joules),
    ("money, USD", 6, lambda p: p.usd),
)


def _cell(interval: Interval, digits: int) -> str:
    return f"{interval.expected:.{digits}f} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"


def _print_outcome(answer: Answer, out: Console) -> None:
    from edge_agent.cli import receipt

    out.print(f"happened: {receipt.as_line(answer)}", markup=False)
    out.print(f"{answer.reason}; finished by {answer.finish_reason.value}", markup=False)
    if answer.egress.sent:
        cloud = answer.cloud_energy
        out.print(f"cloud energy {cloud.joules:.1f} ± {cloud.uncertainty_joules:.1f} J {cloud.source.value}")
    if answer.record_ids:
        out.print(f"records in the prompt: {', '.join(map(str, answer.record_ids))}")
