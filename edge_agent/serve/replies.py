"""Answers in OpenAI's shapes, with the receipt in an `edgewise` object that their clients ignore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from orchestrator.types import Answer, FinishReason, Usage
from orchestrator.units import Energy

FINISH_REASONS: Final = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.DEADLINE: "length",
    FinishReason.BUDGET: "length",
}
"""OpenAI knows no deadline and no budget; whatever cut an answer short is a length. The receipt has the true one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The frame around one answer."""

    request_id: str
    model: str
    """As the client named it."""
    created_s: int
    """Seconds since the Unix epoch."""

    def completion(self, answer: Answer) -> dict[str, Any]:
        """The whole answer at once."""
        message = {"role": "assistant", "content": answer.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": _finish(answer), "logprobs": None}
        return {
            **self._frame("chat.completion"),
            "choices": [choice],
            "usage": _usage(answer.usage),
            "edgewise": receipt(answer),
        }

    def first(self) -> dict[str, Any]:
        """The chunk that opens a stream."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> dict[str, Any]:
        """A chunk of text."""
        return self._chunk({"content": text})

    def last(self, answer: Answer) -> dict[str, Any]:
        """The chunk with the finish reason, and the receipt."""
        return {**self._chunk({}, _finish(answer)), "edgewise": receipt(answer)}

    def usage(self, answer: Answer) -> dict[str, Any]:
        """The chunk that `stream_options.include_usage` asks for, behind all others."""
        return {**self._frame("chat.completion.chunk"), "choices": [], "usage": _usage(answer.usage)}

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._frame("chat.completion.chunk"), "choices": [choice]}

    def _frame(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{self.request_id}", "object": kind, "created": self.created_s, "model": self.model}


def receipt(answer: Answer) -> dict[str, Any]:
    """The fields of `edgewise ask --json` without the text and the usage, and the cloud's joules."""
    return {
        "route": answer.route.value,
        "reason": answer.reason,
        "finish_reason": answer.finish_reason.value,
        "decision_id": answer.decision_id,
        "model": answer.model,
        "latency": {
            "first_token_ms": round(answer.latency.first_token_ms, 1),
            "total_ms": round(answer.latency.total_ms, 1),
        },
        "energy": {
            **_energy("device_", answer.device_energy),
            "cloud": _energy("", answer.cloud_energy),
        },
        "cost_usd": answer.usd,
        "egress": {
            "sent": answer.egress.sent,
            "record_ids": list(answer.egress.record_ids),
            "redactions": answer.egress.redactions,
        },
    }


def _energy(prefix: str, energy: Energy) -> dict[str, Any]:
    return {
        f"{prefix}joules": round(energy.joules, 3),
        "source": energy.source.value,
        "uncertainty_joules": round(energy.uncertainty_joules, 3),
    }


def _finish(answer: Answer) -> str:
    return FINISH_REASONS[answer.finish_reason]


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
