"""Who is told of every call to a gateway before its bytes leave: the seam for a log of what went out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """The caller went away, or had heard enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One call that is about to be made."""

    target: str
    """The gateway's address."""
    method: str
    """The path of the gRPC method: `/orchestrator.v1.GatewayService/Generate`."""
    body: bytes = field(repr=False)
    """The request message exactly as it is serialized."""
    metadata: tuple[tuple[str, str], ...] = ()
    """What the client sends beside it. The key's own value is left out."""
    attempts: int
    """How often the channel may send the body, at most: it repeats a call to which nothing was answered, and does not
    tell how often it did."""
    about: object = None
    """What the caller said of the call to its witness. It is not sent."""


class Witness(Protocol):
    """Sees every call of a gateway's client. One that cannot be told of is not made."""

    async def leaving(self, sending: Sending) -> int:
        """A call is about to be made: it is, once this returns; a number by which its end is told.

        Raises:
            EdgewiseError: the call must not be made.
        """
        ...

    def ended(self, number: int, outcome: Outcome, error_type: str = "") -> None:
        """A call ended; of one that failed, `error_type` is the type of its error. Must not raise."""
        ...
