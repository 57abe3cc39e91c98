"""What goes wrong on the way to the cloud and back, and how it is arranged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.canaries.proxy import Break
from benchmarks.canaries.stand import Stand
from simulation.upstream import Reply

_SAID: Final = ("Light ", "is ", "scattered, ", "and ", "blue ", "light ", "most.")
_BEGUN: Final = 2
"""Pieces after which a fault in mid-answer strikes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the cloud fails."""

    replies: tuple[Reply, ...] = (Reply(pieces=_SAID),)
    """Of the model server: the first to the first chat, the last to all that follow."""
    broken: Break | None = None
    """What the link does to answers."""
    kills: str = ""
    """Who is killed in mid-answer: `gateway`, `agent`, or `request`, whose caller goes away."""


def _said(**how: object) -> Reply:
    return Reply(**{"pieces": _SAID, **how})  # type: ignore[arg-type]


FAULTS: Final[Mapping[str, Fault]] = {
    "none": Fault(),
    "echo": Fault((Reply(echo=True),)),
    "stall before the first word": Fault((_said(hold_after=0),)),
    "stall in mid-answer": Fault((_said(hold_after=_BEGUN),)),
    "reset before the first word": Fault((_said(break_after=-1),)),
    "reset in mid-answer": Fault((_said(break_after=_BEGUN),)),
    "echo, then a reset": Fault((Reply(echo=True, break_after=5),)),
    "truncation": Fault((_said(finish_reason=None, done=False),)),
    "500 that quotes": Fault((Reply(echo=True, status=500),)),
    "400 that quotes": Fault((Reply(echo=True, status=400),)),
    "429, then an answer": Fault((_said(status=429, body=b"{}", headers={"Retry-After": "0"}), _said())),
    "503, then an answer": Fault((_said(status=503, body=b"{}"), _said())),
    "nonsense": Fault((_said(events=(b'{"choices": 7}', b"{")),)),
    "link cut": Fault(broken=Break(after=400)),
    "link silent": Fault(broken=Break(after=400, silent=True)),
    "caller goes away": Fault((_said(hold_after=_BEGUN),), kills="request"),
    "gateway killed": Fault((_said(hold_after=_BEGUN), _said()), kills="gateway"),
    "agent killed": Fault((_said(hold_after=_BEGUN), _said()), kills="agent"),
}


def arrange(fault: Fault, stand: Stand) -> None:
    """Set the stage for one trial."""
    server = stand.upstream
    server.replies, server.chats = list(fault.replies), 0
    for event in (server.holding, server.release, server.disconnected):
        event.clear()
    stand.proxy.broken = fault.broken
