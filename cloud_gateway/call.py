"""Who calls, and until when they wait: what the parts of the gateway know of the present call."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from orchestrator.budget.deadline import Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as their key says."""

    name: str
    """Of the key, for the log and the accounts."""
    tenant: str = ""
    """Who pays: keys of one tenant share its quotas and its place in the queue."""

    @property
    def payer(self) -> str:
        """The tenant; a key without one stands for itself."""
        return self.tenant or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a method of the service."""

    caller: Caller
    deadline: Deadline
    """The caller's own, or the gateway's bound where that is sooner."""


CALL: Final[ContextVar[Call]] = ContextVar("call")
"""The present call. Set for every method but those of the health service; a run keeps that of who started it."""
