"""A call to the cloud, as it goes into the egress log and as it is read there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.client.witness import Outcome
from orchestrator.privacy.egress import OutboundMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why something leaves: what the cloud model tells the witness of a call."""

    decision_id: str
    request_id: str
    rule: str
    """Under which it may leave."""
    record_ids: tuple[int, ...] = ()
    """Records in it."""
    redactions: Mapping[str, int] = field(default_factory=dict)
    """What was replaced in it: how often, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """All that is written down of a call before it is made."""

    target: str
    method: str
    body: bytes = field(repr=False)
    """The request message, as it is serialized."""
    metadata: tuple[tuple[str, str], ...] = ()
    attempts: int = 1
    """How often the channel may send it, at most."""
    cause: Cause | None = None
    """None of what holds nothing of a question: a list of models, a look whether the gateway is up."""
    conversation: str = ""
    """The thread of the context store in which it was asked."""
    kept: bool = True
    """Whether the body is kept; otherwise only its size and its digest are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call in the log."""

    number: int
    at: datetime
    """When it was about to leave."""
    departure: Departure
    """With an empty body where that is not kept, or no more."""
    size: int
    """Bytes of the body."""
    hash: str
    attempt: int
    """The how many-th call this was for its decision; 0 without one."""
    outcome: Outcome | None
    """None while it runs, or where its process died on the way."""
    error_type: str
    ended_at: datetime | None

    @property
    def method(self) -> str:
        """The last part of the method's path: `StreamGenerate`."""
        return self.departure.method.rpartition("/")[2]

    @property
    def is_blank(self) -> bool:
        """Whether its body is not there, or no more."""
        return self.size > 0 and not self.departure.body

    @property
    def messages(self) -> tuple[OutboundMessage, ...]:
        """What was said, as it left, the beginning of an answer last: none where the body is not there or has none."""
        from orchestrator.wire.requests import read

        chat = read(self.departure.method, self.departure.body) if self.departure.body else None
        if chat is None:
            return ()
        return (*chat.messages, *([OutboundMessage("assistant", chat.prefix)] if chat.prefix else []))
