"""Asking in the terminal whether something may leave."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final

from edge_agent.cli.context.shown import counted
from edge_agent.cli.shown import harmless
from edge_agent.cli.terminal import console

if TYPE_CHECKING:
    from edge_agent.egress.consent import AskForConsent, Verdict
    from orchestrator.privacy.consent import ConsentRequest

_CHOICES: Final = "y this once, a always, n no, v never, s show it"

_LONGEST_LINE: Final = 4096


def terminal_consent() -> AskForConsent | None:
    """What asks whoever sits at the terminal; None where nobody does."""
    return _ask if sys.stdin.isatty() and sys.stderr.isatty() else None


async def _ask(request: ConsentRequest) -> Verdict:
    """Say what would leave, and read the answer. What is none of the choices is asked for again; an end of file is no.

    Cancelling it leaves the terminal alone: the next line that is typed is for whoever reads next.
    """
    from edge_agent.egress.consent import Verdict

    verdicts = {"y": Verdict.ONCE, "a": Verdict.ALWAYS, "n": Verdict.NO, "v": Verdict.NEVER}
    out = console(stderr=True)
    kinds = ", ".join(sorted(kind.value for kind in request.kinds)) or "nobody that was recognised"
    size = sum(len(message.text) for message in request.messages) + len(request.prefix)
    out.print(f"\nMay {request.label.value} text leave this device as it is, for {request.destination}?", markup=False)
    out.print(f"It tells of: {kinds}. {counted(len(request.messages), 'message')}, {size:,} characters.", markup=False)
    while True:
        out.print(f"[bold]{_CHOICES} > [/bold]", end="")
        line = await _line()
        answer = line.strip().lower()[:1]
        if not line or answer in verdicts:
            return verdicts[answer] if line else Verdict.NO
        if answer == "s":
            _show(request)


def _show(request: ConsentRequest) -> None:
    """To the letter as it would leave."""
    out = console(stderr=True)
    for message in request.messages:
        out.print(f"[bold]{message.role}[/bold]")
        out.print(harmless(message.text), markup=False)
    if request.prefix:
        out.print("[bold]the beginning of the answer[/bold]")
        out.print(harmless(request.prefix), markup=False)


async def _line() -> str:
    """The next line that is typed; empty at an end of file."""
    loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
    typed = asyncio.Event()
    # Not in a thread: one that waits for a line outlives its question, and takes the line that was meant for the next.
    # And not through Python's buffer, which would keep what is typed behind it from others who read the terminal.
    loop.add_reader(keyboard, typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(keyboard)
    return os.read(keyboard, _LONGEST_LINE).decode(errors="replace")
