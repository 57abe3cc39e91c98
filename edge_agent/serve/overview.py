"""What the dashboard shows, as JSON: recent decisions, budget windows, the link, the load. Never the user's words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.journal import Journal, StoredDecision
from edge_agent.receipts import egress_as_json
from edge_agent.serve.answerer import Defaults
from edge_agent.serve.room import Room
from orchestrator.budget import Ledger, WindowState
from orchestrator.link import Link
from orchestrator.ports import Clock
from orchestrator.types import Answer
from orchestrator.units import Energy

RECENT: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Looks at an agent from outside."""

    journal: Journal
    ledger: Ledger
    link: Link
    context_tokens: int
    """The window of the model on the device."""

    def status(self, defaults: Defaults, room: Room, clock: Clock) -> dict[str, Any]:
        """Everything at once, as plain JSON values. Moments are ISO 8601, in UTC. Reads from disk.

        Raises:
            StoreError: the journal or the ledger cannot be read.
        """
        return {
            "now": clock.now().isoformat(),
            "model": {"name": defaults.local_model, "context_tokens": self.context_tokens},
            "route": defaults.route.value,
            "local_only": defaults.local_only,
            "link": self._link(),
            "requests": {"running": room.taken, "limit": room.seats},
            "windows": [_window(state) for state in self.ledger.state()],
            "decisions": [_row(stored) for stored in self.journal.recent(RECENT)],
        }

    def _link(self) -> dict[str, Any]:
        cloud, fault = self.link.cloud, self.link.fault
        return {
            "state": self.link.state.value,
            "model": cloud.name if cloud else None,
            "fault": fault.message if fault else None,
        }


def _window(state: WindowState) -> dict[str, Any]:
    return {
        "name": state.window.name,
        "resource": state.window.resource.value,
        "limit": state.window.limit,
        "spent": state.spent,
        "reserved": state.reserved,
        "left": state.left if math.isfinite(state.left) else None,
        "price": state.price,
        "reopens_at": state.reopens_at.isoformat(),
    }


def _row(stored: StoredDecision) -> dict[str, Any]:
    """One request: what was decided, and what came of it."""
    answer, decision = stored.answer, stored.decision
    row: dict[str, Any] = {
        "id": stored.id,
        "at": stored.at.isoformat(),
        "state": "answered" if answer else "failed" if stored.ended_at else "running",
        "route": answer.route.value if answer else decision.route.value if decision else None,
        "reason": answer.reason if answer else decision.reason if decision else "",
    }
    if answer is not None:
        return row | _receipt(answer)
    if stored.ended_at is not None:
        row["error"] = {"type": stored.error_type, "message": stored.error_message}
    return row


def _receipt(answer: Answer) -> dict[str, Any]:
    return {
        "model": answer.model,
        "first_token_ms": round(answer.latency.first_token_ms, 1),
        "total_ms": round(answer.latency.total_ms, 1),
        "completion_tokens": answer.usage.completion_tokens,
        "device": _energy(answer.device_energy),
        "cloud": _energy(answer.cloud_energy),
        "cost_usd": answer.usd,
        "egress": egress_as_json(answer),
    }


def _energy(energy: Energy) -> dict[str, Any]:
    return {
        "joules": round(energy.joules, 3),
        "uncertainty_joules": round(energy.uncertainty_joules, 3),
        "source": energy.source.value,
    }
