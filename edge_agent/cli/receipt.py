"""How an answer's receipt is written: as JSON for programs, as one line for people."""

from __future__ import annotations

from typing import Any

from edge_agent.receipts import egress_as_json, energy_as_json
from orchestrator.types import Answer, Effort, EffortReceipt
from orchestrator.units import Energy


def as_json(answer: Answer) -> dict[str, Any]:
    """The object that `edgewise ask --json` prints; its fields are a contract."""
    return {
        "text": answer.text,
        "route": answer.route.value,
        "reason": answer.reason,
        "finish_reason": answer.finish_reason.value,
        "decision_id": answer.decision_id,
        "model": answer.model,
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": answer.usage.completion_tokens,
            # Only of an answer that outgrew the window.
            **({"dropped_tokens": dropped} if (dropped := answer.usage.dropped_tokens) else {}),
        },
        "latency": {
            "first_token_ms": round(answer.latency.first_token_ms, 1),
            "total_ms": round(answer.latency.total_ms, 1),
        },
        "energy": energy_as_json(answer),
        "cost_usd": answer.usd,
        "egress": egress_as_json(answer),
        # Only of an answer that a strategy made.
        **({"effort": _effort_as_json(effort)} if (effort := answer.effort) else {}),
    }


def _effort_as_json(effort: EffortReceipt) -> dict[str, Any]:
    votes = [round(weight, 3) for weight in effort.votes]
    return {"strategy": effort.strategy.value, "samples": effort.samples, "votes": votes}


def as_line(answer: Answer) -> str:
    """One line: route, model, times, joules with their source, money, what left."""
    parts = [
        f"{answer.route.value} · {answer.model}",
        f"first token {answer.latency.first_token_ms:.0f} ms, all {answer.latency.total_ms / 1000:.1f} s",
        _energy(answer),
        f"{answer.usd:.6f} USD",
        left_the_device(answer),
        *([_effort(effort)] if (effort := answer.effort) else []),
        *(
            [f"{dropped:,} tokens of the text out of its sight at the end"]
            if (dropped := answer.usage.dropped_tokens)
            else []
        ),
        f"edgewise why {answer.decision_id}",
    ]
    return " · ".join(parts)


def _effort(effort: EffortReceipt) -> str:
    """`vote of 3 samples, 2.1 against 0.6`; a check has its outcome among the reasons."""
    if effort.strategy is Effort.CONSULT:
        return "consultation"
    told = f"{effort.strategy.value} of {effort.samples} sample{'s' * (effort.samples != 1)}"
    if effort.strategy is Effort.VERIFY or not effort.votes:
        return told
    return f"{told}, {' against '.join(f'{weight:.2g}' for weight in effort.votes)}"


def joules(energy: Energy) -> str:
    """`12.3 ± 3.7 J modelled`."""
    return f"{energy.joules:.1f} ± {energy.uncertainty_joules:.1f} J {energy.source.value}"


def _energy(answer: Answer) -> str:
    """What the device took, a token's part of it, and what the cloud took where it was asked."""
    told, written = joules(answer.device_energy), answer.usage.completion_tokens
    if written:
        told += f" ({answer.device_energy.joules / written:.2g} J a token)"
    return f"{told}, the cloud {joules(answer.cloud_energy)}" if answer.egress.sent else told


def left_the_device(answer: Answer) -> str:
    """What was sent, in words."""
    if not answer.egress.sent:
        return "nothing left the device"
    if answer.egress.asked:
        return f'only this left the device: "{answer.egress.asked}"'
    records = ", ".join(str(record_id) for record_id in answer.egress.record_ids)
    count = answer.egress.redactions
    hidden = f", with {count} stand-in{'s' if count > 1 else ''}" if count else ""
    return "the question left" + (f", with records {records}" if records else "") + hidden
