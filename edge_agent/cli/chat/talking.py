"""A conversation in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edge_agent.cli.ask import RouteOption
from edge_agent.cli.context.shown import counted
from edge_agent.cli.terminal import console

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from edge_agent.conversation import Conversation

_HELP = """\
/new           begin another conversation
/incognito     begin one of which nothing is kept
/name NAME     give this conversation a name
/auto          let Edgewise choose the route
/local         answer on the device from now on
/cloud         answer in the cloud from now on, where privacy allows it
/help          this list
/quit          leave (so does Ctrl-D); Ctrl-C stops an answer
"""


class Talk:
    """Reads and answers until the user leaves."""

    def __init__(self, agent: Agent, conversation: Conversation, route: RouteOption | None) -> None:
        self._agent = agent
        self._conversation = conversation
        self._route = route

    def run(self) -> None:
        """Greet, then read and answer."""
        self._greet()
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

    def _greet(self) -> None:
        model = self._agent.config.model.name
        console().print(f"[dim]{model} on this device. /help shows the commands.[/dim]")
        if said := self._conversation.messages():
            earlier = counted(len(said) // 2, "earlier question")
            console().print(f"[dim]{earlier}; `edgewise chat show {self._conversation.id}` prints them.[/dim]")

    def _command(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        match word:
            case "/new" | "/incognito":
                self._conversation = self._agent.conversation(remember=False if word == "/incognito" else None)
                console().print("[dim]a new conversation[/dim]")
            case "/name":
                self._name(rest.strip())
            case "/auto" | "/local" | "/cloud":
                self._route = RouteOption(word[1:])
                console().print(f"[dim]route: {self._route.value}[/dim]")
            case _:
                sys.stdout.write(_HELP)

    def _name(self, name: str) -> None:
        from orchestrator.errors import EdgewiseError

        try:
            self._conversation.rename(name)
        except EdgewiseError as error:
            console(stderr=True).print(f"error: {error}", markup=False)

    def _answer(self, line: str) -> None:
        """One turn. An error or Ctrl-C ends the answer, never the conversation."""
        from edge_agent.cli import receipt
        from orchestrator.errors import EdgewiseError

        try:
            with self._conversation.stream(line, route=self._route.value if self._route else None) as stream:
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
