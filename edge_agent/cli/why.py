"""`edgewise why`: a stored decision, explained; and decided again."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_agent.cli.terminal import ConfigOption, JsonOption, console
from orchestrator.errors import InvalidRequest

if TYPE_CHECKING:
    from rich.console import Console

    from edge_agent.config import Config
    from edge_agent.journal import Journal, StoredDecision
    from orchestrator.routing.hindsight import Forecast
    from orchestrator.routing.refusal import Refusal
    from orchestrator.routing.replay import Replay
    from orchestrator.types import Answer, Decision, Prediction
    from orchestrator.units import Interval

_QUANTITIES: Final = {
    "quality": ("good answer", 2),
    "first_token_ms": ("first token, ms", 0),
    "total_ms": ("all, ms", 0),
    "device_joules": ("device, J", 1),
    "cloud_joules": ("cloud, J", 1),
    "usd": ("money, USD", 6),
}
"""What is predicted, by the name of the field: in words, and the digits behind the point."""


def why(
    decision_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="As printed in a receipt; without one, the latest decision.")
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--replay", help="Decide again on what was stored, and say whether the route, or error, is the same."
        ),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Explain a decision: what each route was expected to do, the rule or score that chose, what happened.

    A refusal has the same, and the rule that excluded each route.

    With --replay, the stored situation is decided again: status 1 where the route, or the error, is another one.

    \b
      edgewise why
      edgewise why 0c5c1f6e2ad4 --json
      edgewise why --replay 0c5c1f6e2ad4
    """
    from edge_agent.config import Config
    from edge_agent.journal import Journal

    chosen = Config.load(config)
    with Journal.open(chosen.journal_path) as journal:
        stored = _find(journal, decision_id)
    if again:
        _replay(stored, as_json)
    elif as_json:
        _print_json(_plain(stored) | {"egress": _left(chosen, stored)})
    else:
        _print(stored, console())
        _print_left(_left(chosen, stored), console())


def _find(journal: Journal, decision_id: str | None) -> StoredDecision:
    if decision_id is not None:
        return journal.decision(decision_id)
    recent = journal.recent(1)
    if not recent:
        raise InvalidRequest("nothing was decided on this device yet", remedy='ask something: edgewise ask "…"')
    return recent[0]


def _print(stored: StoredDecision, out: Console) -> None:
    out.print(f"[bold]decision {stored.id}[/bold]  {stored.at.astimezone():%Y-%m-%d %H:%M:%S}")
    if stored.decision is not None:
        _print_decision(stored.decision, out)
        _print_pledge(stored, out)
    if stored.refusal is not None:
        _print_refusal(stored.refusal, out)
    if stored.answer is not None:
        _print_outcome(stored.decision, stored.answer, out)
    elif stored.error_type:
        out.print(f"it ended in {stored.error_type}: {stored.error_message}", markup=False)
    else:
        out.print("it has not ended: it still runs, or its process died")
    if stored.decision is not None and stored.answer is not None:
        _print_hindsight(stored.decision, stored.answer, out)
    if (said := stored.feedback) is not None:
        out.print(f"the answer was {'good' if said.good else 'bad'}: {said.sign.replace('_', ' ')} by its user")


def _left(config: Config, stored: StoredDecision) -> list[int]:
    """Which calls of the egress log were made for the decision. It is opened only where something can have left."""
    from edge_agent.egress.opening import must_be_encrypted, open_egress

    local = stored.answer is not None and not stored.answer.egress.sent
    if local or stored.decision is None or not config.egress_path.exists():
        return []
    with open_egress(config, encrypted=must_be_encrypted(config)) as log:
        return [call.number for call in log.of_decision(stored.id)]


def _print_left(numbers: list[int], out: Console) -> None:
    if numbers:
        commands = ", ".join(f"`edgewise egress show {number}`" for number in numbers)
        out.print(f"what left for it, word for word: {commands}")


def _print_pledge(stored: StoredDecision, out: Console) -> None:
    """A promise that left the choice to the value of the routes; where it did not, it is the reason told above."""
    import msgspec

    from orchestrator.routing.promise import Pledge

    plain = stored.situation.get("pledge")
    if plain and stored.decision is not None and stored.decision.rule != "promise":
        out.print(msgspec.convert(plain, Pledge).reason, markup=False)


def _print_decision(decision: Decision, out: Console) -> None:
    out.print(f"chose [bold]{decision.route.value}[/bold] by {decision.rule}: {decision.reason}")
    for route, reason in decision.excluded.items():
        out.print(f"not {route}: {reason}", markup=False)
    _print_predictions(decision.predictions, out)
    worst = decision.worst_case
    out.print(
        f"reserved at worst {worst.device_joules:.1f} J and {worst.usd:.6f} USD, for {decision.max_tokens} tokens"
    )


def _print_refusal(refusal: Refusal, out: Console) -> None:
    out.print("no route was left, and nothing was reserved")
    for route, (rule, reason) in refusal.excluded.items():
        out.print(f"not {route} by {rule}: {reason}", markup=False)
    _print_predictions(refusal.predictions, out)
    out.print(f"what helps: {refusal.remedy}", markup=False)


def _print_predictions(predictions: Sequence[Prediction], out: Console) -> None:
    from rich.table import Table

    table = Table(title="predicted: expected (about 90 % of outcomes)", title_justify="left", pad_edge=False, box=None)
    table.add_column("", no_wrap=True)
    for prediction in predictions:
        table.add_column(prediction.name, justify="right", no_wrap=True)
    for field, (words, digits) in _QUANTITIES.items():
        table.add_row(words, *(_cell(_interval(prediction, field), digits) for prediction in predictions))
    out.print(table)


def _interval(prediction: Prediction, field: str) -> Interval:
    interval: Interval = getattr(prediction, field)
    return interval


def _cell(interval: Interval, digits: int) -> str:
    if interval.low == interval.high:
        return f"{interval.expected:.{digits}f}" if interval.expected else "0"
    return f"{interval.expected:.{digits}f} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"


def _print_outcome(decision: Decision | None, answer: Answer, out: Console) -> None:
    """What it took, and what happened on the way that was not decided before."""
    from edge_agent.cli import receipt

    out.print(f"happened: {receipt.as_line(answer)}", markup=False)
    notes = answer.reason.removeprefix(decision.reason if decision else "").removeprefix("; ")
    out.print("; ".join(filter(None, [notes, f"finished by {answer.finish_reason.value}"])), markup=False)
    if answer.record_ids:
        out.print(f"records in the prompt: {', '.join(map(str, answer.record_ids))}")


def _print_hindsight(decision: Decision, answer: Answer, out: Console) -> None:
    """Each prediction of the route that was chosen, beside the truth."""
    from rich.table import Table

    from orchestrator.routing.hindsight import hindsight

    forecasts = hindsight(decision, answer)
    if not forecasts:
        out.print("nothing to compare with what was predicted: no model wrote the answer")
        return
    title = f"predicted of {decision.route.value}, and what it was"
    if answer.route is not decision.route:
        title += f" (the answer came by {answer.route.value})"
    table = Table(title=title, title_justify="left", pad_edge=False, box=None)
    for name in ("", "expected (90 %)", "was", "off by", ""):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for forecast in forecasts:
        words, digits = _QUANTITIES[forecast.quantity.value]
        actual, error = f"{forecast.actual:.{digits}f}", f"{forecast.error:+.{digits}f}"
        table.add_row(words, _cell(forecast.predicted, digits), actual, error, _verdict(forecast))
    out.print(table)


def _verdict(forecast: Forecast) -> str:
    if forecast.inside:
        return "inside"
    return "[yellow]above[/yellow]" if forecast.error > 0 else "[yellow]below[/yellow]"


def _plain(stored: StoredDecision) -> dict[str, Any]:
    """The stored row, with its forecasts beside the truth."""
    import msgspec

    from orchestrator.routing.hindsight import hindsight

    forecasts = hindsight(stored.decision, stored.answer) if stored.decision and stored.answer else ()
    plain: dict[str, Any] = msgspec.to_builtins(stored)
    plain["hindsight"] = [
        {**msgspec.to_builtins(forecast), "error": forecast.error, "inside": forecast.inside} for forecast in forecasts
    ]
    return plain


def _replay(stored: StoredDecision, as_json: bool) -> None:
    """Decide again, and say how it compares.

    Raises:
        InvalidRequest: no situation was stored, or none that can be read.
    """
    from orchestrator.routing.replay import replay

    end = stored.decision or stored.refusal
    if end is None:
        raise InvalidRequest(
            f"request {stored.id} ended before it was decided, or its version of Edgewise kept no refusals",
            remedy=f"`edgewise why {stored.id}` says how",
        )
    result = replay(end, stored.situation, stored.answer.move if stored.answer else None)
    if as_json:
        _print_json(_compared(result))
    else:
        _print_replay(result, console())
    if not (result.same_end and result.same_move):
        raise typer.Exit(1)


def _compared(result: Replay) -> dict[str, Any]:
    (stored_route, stored_error), (route, error) = map(_route_and_error, (result.stored, result.now))
    return {
        "decision_id": result.stored.id,
        "same_route": result.same_end,
        "same_move": result.same_move,
        "stored_route": stored_route,
        "stored_error": stored_error,
        "route": route,
        "error": error,
        "differences": [{"field": d.field, "stored": d.stored, "now": d.now} for d in result.differences],
    }


def _route_and_error(end: Decision | Refusal) -> tuple[str | None, str]:
    """The one that it is; the other is empty."""
    from orchestrator.routing.refusal import Refusal

    return (None, f"{end.error_type}: {end.message}") if isinstance(end, Refusal) else (end.route.value, "")


def _print_replay(result: Replay, out: Console) -> None:
    out.print(f"decided again, {result.stored.id} {_in_words(result)}", markup=False)
    for difference in result.differences:
        out.print(f"  {difference.field}: stored {difference.stored}, now {difference.now}", markup=False)
    if not result.same_move:
        out.print("but what moved in mid-stream would not move as it did")
    if result.same_end and not result.differences:
        out.print("nothing else differs either: all that was predicted, excluded and reserved is as it was stored")


def _in_words(result: Replay) -> str:
    from orchestrator.routing.refusal import Refusal

    stored, now = result.stored, result.now
    if isinstance(now, Refusal):
        ends = "is refused with the same error" if result.same_end else "is refused"
        was = stored.error_type if isinstance(stored, Refusal) else stored.route
        return f"{ends}: {now.error_type}: {now.message}" + ("" if result.same_end else f"; stored was {was}")
    route = f"{now.route} by {now.rule}: {now.reason}"
    if isinstance(stored, Refusal):
        return f"is answered: {route}; stored was {stored.error_type}"
    return f"takes {'the same' if result.same_end else 'another'} route: {route}"


def _print_json(plain: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(_finite(plain)) + "\n")


def _finite(value: Any) -> Any:
    """The same with null for a bound that is infinite: JSON has no such number."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
