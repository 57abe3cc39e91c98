"""`edgewise chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.ask import RouteOption
from edge_agent.cli.opening import settings
from edge_agent.cli.progress import shown_progress
from edge_agent.cli.terminal import ConfigOption, LocalOnlyOption, console

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from orchestrator.types import Message

_HELP = """\
/new     forget this conversation and begin another
/auto    let Edgewise choose the route
/local   answer on the device from now on
/cloud   answer in the cloud from now on, where privacy allows it
/help    this list
/quit    leave (so does Ctrl-D); Ctrl-C stops an answer
"""


def chat(
    route: Annotated[RouteOption | None, typer.Option(help="Where to answer. auto decides.")] = None,
    local_only: LocalOnlyOption = False,
    config: ConfigOption = None,
) -> None:
    """Talk with the agent. Each answer streams; a status line says its route, milliseconds, joules and dollars.

    Type /help for what else can be typed.
    """
    from edge_agent.agent import Agent

    chosen = settings(config, local_only=local_only)
    with Agent.open(chosen, progress=shown_progress()) as agent:
        console().print(f"[dim]{chosen.model.name} on this device. /help shows the commands.[/dim]")
        Conversation(agent, route).run()


class Conversation:
    """The turns so far, and the loop that adds to them."""

    def __init__(self, agent: Agent, route: RouteOption | None) -> None:
        self._agent = agent
        self._route = route
        self._turns: list[Message] = []

    def run(self) -> None:
        """Read and answer until the user leaves."""
        while True:
            try:
                line = console().input("[bold]you[/bold] ").strip()
            except (EOFError, KeyboardInterrupt):
                sys.stdout.write("\n")
                return
            if line == "/quit":
                return
            if line.startswith("/"):
                self._command(line)
            elif line:
                self._answer(line)

    def _command(self, line: str) -> None:
        match line:
            case "/new":
                self._turns.clear()
                console().print("[dim]a new conversation[/dim]")
            case "/auto" | "/local" | "/cloud":
                self._route = RouteOption(line[1:])
                console().print(f"[dim]route: {self._route.value}[/dim]")
            case _:
                sys.stdout.write(_HELP)

    def _answer(self, line: str) -> None:
        """One turn. An error or Ctrl-C ends the answer, never the conversation."""
        from edge_agent.cli import receipt
        from orchestrator.errors import EdgewiseError
        from orchestrator.types import Message

        route = self._route.value if self._route else None
        try:
            with self._agent.stream([*self._turns, Message("user", line)], route=route) as stream:
                for piece in stream:
                    sys.stdout.write(piece.text)
                    sys.stdout.flush()
                answer = stream.answer
        except EdgewiseError as error:
            console(stderr=True).print(f"error: {error}", markup=False)
            return
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            console(stderr=True).print("[dim]stopped[/dim]")
            return
        sys.stdout.write("\n")
        if answer is not None:
            console(stderr=True).print(f"[dim]{answer.reason}\n{receipt.as_line(answer)}[/dim]")
            label = answer.sensitivity
            self._turns += [Message("user", line, label), Message("assistant", answer.text, label)]
