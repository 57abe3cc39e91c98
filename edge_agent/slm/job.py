"""What a scheduler is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.slm.run import Run, Step
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.system_prompt import SystemPrompt


class Listener(Protocol):
    """Told how one answer goes. Never from two threads at once; it must not call the scheduler, nor wait."""

    def step(self, step: Step) -> bool:
        """A step was made. Returns whether the answer goes on."""
        ...

    def end(self, error: Exception | None) -> None:
        """It is over, once: as `step` or the window wanted, because it was cancelled, or with an error."""
        ...


@dataclass(eq=False, slots=True)
class Job:
    """One answer to write.

    Attributes:
        sequence: the prompt, and how tokens are chosen.
        listener: who wants to know.
        system: how the prompt begins, where that may be kept on disk.
        rolling: whether the answer may outgrow the window, without the middle of the text then.
    """

    sequence: Sequence
    listener: Listener
    system: SystemPrompt | None = None
    rolling: bool = False
    run: Run | None = None
    """Once it has begun. The fields from here on are the scheduler's."""
    over: bool = False
    failed: bool = False
    remember: bool = True
    last_turn: int = 0
