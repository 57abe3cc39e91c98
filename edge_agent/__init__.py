"""The agent on a device: a small language model, the user's records, a budget, and a way to the cloud.

from edge_agent import Agent, Budget
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_agent.agent import Agent, AsyncAgent
    from edge_agent.answers import AsyncReply, Reply
    from edge_agent.config import Config
    from edge_agent.egress.consent import Verdict
    from orchestrator.format import Format
    from orchestrator.types import Answer, Budget, Message, Piece, Sampling, Sensitivity

# ONNX Runtime reports its use to its maker, and keeps a device id in the user's cache folder, unless this is set before
# it is first imported. Nothing leaves a device that its user did not send (law 1).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__all__ = [
    "Agent",
    "Answer",
    "AsyncAgent",
    "AsyncReply",
    "Budget",
    "Config",
    "Format",
    "Message",
    "Piece",
    "Reply",
    "Sampling",
    "Sensitivity",
    "Verdict",
]

_HOMES = {
    "Agent": "edge_agent.agent",
    "AsyncAgent": "edge_agent.agent",
    "AsyncReply": "edge_agent.answers",
    "Config": "edge_agent.config",
    "Format": "orchestrator.format",
    "Reply": "edge_agent.answers",
    "Verdict": "edge_agent.egress.consent",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `edgewise --help` need not load ONNX Runtime."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "orchestrator.types")), name)
