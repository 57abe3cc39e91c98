"""Who calls, and until when they wait: what the parts of the gateway know of the present call."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from cloud_gateway.accounts.windows import Limit
from orchestrator.budget.deadline import Deadline
from orchestrator.tracing import NO_SPAN, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as their key says."""

    name: str
    """Of the key, for the log and the accounts."""
    tenant: str = ""
    """Who pays: keys of one tenant share its quotas and its place in the queue."""
    models: tuple[str, ...] = ()
    """What the key may ask, as patterns: `qwen*`. None at all: every model."""
    max_tokens: int | None = None
    """The longest answer that the key may ask for."""
    limits: tuple[Limit, ...] = ()
    """Of the key itself; those of its tenant come on top."""

    @property
    def payer(self) -> str:
        """The tenant; a key without one stands for itself."""
        return self.tenant or self.name

    def may_ask(self, model: str) -> bool:
        """Whether the key may ask a model of this name."""
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a method of the service."""

    caller: Caller
    deadline: Deadline
    """The caller's own, or the gateway's bound where that is sooner."""
    span: Span = NO_SPAN
    """What is done for it is a part of this."""


CALL: Final[ContextVar[Call]] = ContextVar("call")
"""The present call. Set for every method but those of the health service; a run keeps that of who started it."""
