"""`edgewise chat`: talk with the agent, and look after the conversations that it keeps."""

from __future__ import annotations

from typing import Annotated

import typer

from edge_agent.cli.ask import RouteOption
from edge_agent.cli.chat import sessions
from edge_agent.cli.terminal import ConfigOption, LocalOnlyOption
from orchestrator.errors import InvalidRequest

app = typer.Typer()
app.command("list")(sessions.list_)
app.command("show")(sessions.show)
app.command("rename")(sessions.rename)
app.command("delete")(sessions.delete)


@app.callback(invoke_without_command=True)
def chat(
    context: typer.Context,
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME|ID", help="Go on with this conversation, or begin one of this name."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last conversation.")] = False,
    incognito: Annotated[bool, typer.Option("--incognito", help="Keep nothing of this conversation.")] = False,
    route: Annotated[RouteOption | None, typer.Option(help="Where to answer. auto decides.")] = None,
    local_only: LocalOnlyOption = False,
    config: ConfigOption = None,
) -> None:
    """Talk with the agent, and look after the conversations that it keeps.

    Each answer streams; a status line says its route, milliseconds, joules and dollars. Conversations are kept on this
    device, and what you said in them is recalled when it matters. Type /help for what else can be typed.

    \b
      edgewise chat                    a new conversation
      edgewise chat --resume           the last one goes on
      edgewise chat --session boiler   the one called boiler
      edgewise chat --incognito        nothing is kept
    """
    if context.invoked_subcommand is not None:
        return
    if sum((session is not None, resume, incognito)) > 1:
        raise InvalidRequest("--session, --resume and --incognito contradict each other", remedy="choose one")
    from edge_agent.agent import Agent
    from edge_agent.cli.chat.talking import Talk
    from edge_agent.cli.consenting import terminal_consent
    from edge_agent.cli.opening import settings
    from edge_agent.cli.progress import shown_progress

    chosen = settings(config, local_only=local_only)
    with Agent.open(chosen, progress=shown_progress(), consent=terminal_consent()) as agent:
        if resume:
            session = sessions.last(agent)
        Talk(agent, agent.conversation(session, remember=False if incognito else None), route).run()
