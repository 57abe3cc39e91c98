"""What the user is shown before something leaves that they want to be asked about."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.privacy.egress import OutboundMessage
from orchestrator.privacy.finding import Kind
from orchestrator.types import Sensitivity


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """May this leave? `orchestrator.ports.Consent` answers it."""

    destination: str
    """`host:port` of the gateway."""
    label: Sensitivity
    """The highest of what would leave. Never private: that is not asked, it stays."""
    kinds: frozenset[Kind]
    """What would be told of people, as it is."""
    messages: tuple[OutboundMessage, ...]
    """To the letter as they would leave."""
    prefix: str = ""
    """The beginning of an answer that would go along."""
