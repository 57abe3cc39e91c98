"""Answers in OpenAI's shapes, with the receipt in an `edgewise` object that their clients ignore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final

from edge_agent.receipts import egress_as_json, energy_as_json
from edge_agent.serve.content import Content
from orchestrator.types import Answer, FinishReason, Usage

FINISH_REASONS: Final = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.DEADLINE: "length",
    FinishReason.BUDGET: "length",
}
"""OpenAI knows no deadline and no budget; whatever cut an answer short is a length. The receipt has the true one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The frame around the answers to one request."""

    request_id: str
    model: str
    """As the client named it."""
    created_s: int
    """Seconds since the Unix epoch."""

    def completion(self, answers: Sequence[Answer], contents: Sequence[Content]) -> dict[str, Any]:
        """All answers at once."""
        receipts = [receipt(answer) for answer in answers]
        return {
            **self._frame("chat.completion"),
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", **content.message(), "refusal": None},
                    "finish_reason": _finish(answer, content),
                    "logprobs": None,
                }
                for index, (answer, content) in enumerate(zip(answers, contents, strict=True))
            ],
            "usage": _usage(answers),
            "edgewise": receipts[0] if len(receipts) == 1 else {"choices": receipts},
        }

    def first(self, index: int, content: Content) -> dict[str, Any]:
        """The chunk that opens a choice."""
        return self.part(index, {"role": "assistant", "content": None if content.may_call else ""})

    def part(self, index: int, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        """A chunk of a choice."""
        choice = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._frame("chat.completion.chunk"), "choices": [choice]}

    def last(self, index: int, answer: Answer, content: Content) -> dict[str, Any]:
        """The chunk with the finish reason, and the receipt."""
        return {**self.part(index, {}, _finish(answer, content)), "edgewise": receipt(answer)}

    def usage(self, answers: Sequence[Answer]) -> dict[str, Any]:
        """The chunk that `stream_options.include_usage` asks for, behind all others."""
        return {**self._frame("chat.completion.chunk"), "choices": [], "usage": _usage(answers)}

    def _frame(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{self.request_id}", "object": kind, "created": self.created_s, "model": self.model}


def receipt(answer: Answer) -> dict[str, Any]:
    """The fields of `edgewise ask --json` without the text and the usage."""
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
        "energy": energy_as_json(answer),
        "cost_usd": answer.usd,
        "egress": egress_as_json(answer),
    }


def _finish(answer: Answer, content: Content) -> str:
    """OpenAI's word. Calls that were cut short are a length: their arguments may be torn."""
    ended = FINISH_REASONS[answer.finish_reason]
    return "tool_calls" if content.calls and ended == "stop" else ended


def _usage(answers: Sequence[Answer]) -> dict[str, int]:
    """Of all choices: each read the prompt for itself, and is billed for that."""
    usage = reduce(add, (answer.usage for answer in answers), Usage())
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
