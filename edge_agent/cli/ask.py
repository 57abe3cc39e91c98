"""`edgewise ask`: one question, one answer, one receipt."""

from __future__ import annotations

import asyncio
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_agent.cli.consenting import terminal_consent
from edge_agent.cli.opening import settings
from edge_agent.cli.progress import shown_progress
from edge_agent.cli.terminal import ConfigOption, JsonOption, LocalOnlyOption, console
from orchestrator.errors import EdgewiseError, InvalidRequest
from orchestrator.format import Format, FormatKind

if TYPE_CHECKING:
    from edge_agent.answers import Wishes
    from edge_agent.config import Config
    from orchestrator.types import Answer


class RouteOption(StrEnum):
    """The values of `--route`."""

    AUTO = "auto"
    LOCAL = "local"
    CLOUD = "cloud"


class EffortOption(StrEnum):
    """The values of `--effort`."""

    NONE = "none"
    BEST = "best"
    VOTE = "vote"
    REBASE = "rebase"
    VERIFY = "verify"
    CONSULT = "consult"


def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes; - reads it from standard input.")],
    route: Annotated[
        RouteOption | None, typer.Option(help="Where to answer. auto decides; private records stay here in any case.")
    ] = None,
    effort: Annotated[
        EffortOption | None,
        typer.Option(help="Several samples that vote, the best of them, a tree search, the cloud's check or advice."),
    ] = None,
    local_only: LocalOnlyOption = False,
    as_json: JsonOption = False,
    budget_joules: Annotated[
        float | None, typer.Option("--budget-joules", help="Device energy that the answer may take, in joules.")
    ] = None,
    first_token_ms: Annotated[
        float | None, typer.Option("--first-token-ms", help="Milliseconds until the answer has to begin.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="A file with a JSON schema: the answer is JSON that fits, made on the device.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: show what would leave, word for word, and why.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Ask one question.

    The answer streams to standard output; its receipt goes to standard error.

    \b
      edgewise ask "What do bees make?"
      edgewise ask --route cloud --json "Why is the sky blue?"
      edgewise ask --budget-joules 20 --first-token-ms 300 "When do I see the dentist?"
      edgewise ask --effort vote "What is 17 + 26?"
      edgewise ask --dry-run "What should I write to Hilde about the boiler?"
      edgewise ask --schema person.json "Ann is 31. Her name and age?"
    """
    if question == "-":
        question = sys.stdin.read()
    try:
        chosen = settings(config, local_only=local_only, budget_joules=budget_joules, first_token_ms=first_token_ms)
        wishes: Wishes = {
            "route": route.value if route else None,
            "effort": effort.value if effort else None,
            "format": _format(schema),
        }
        asyncio.run((_preview if dry_run else _ask)(question, chosen, wishes, as_json))
    except EdgewiseError as error:
        if not as_json:
            raise
        _print_json({"error": {"type": error.type, "message": str(error)}})
        raise typer.Exit(1) from None


def _format(schema: Path | None) -> Format | None:
    """The form that a file with a JSON schema describes.

    Raises:
        InvalidRequest: there is no such file.
    """
    if schema is None:
        return None
    try:
        return Format(FormatKind.JSON_SCHEMA, schema.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidRequest(f"the schema {schema} cannot be read: {reason}", remedy="name another") from None


async def _ask(question: str, config: Config, wishes: Wishes, as_json: bool) -> None:
    from edge_agent.agent import AsyncAgent
    from edge_agent.cli import receipt

    async with (
        await AsyncAgent.open(config, progress=shown_progress(), consent=terminal_consent()) as agent,
        agent.stream(question, **wishes) as stream,
    ):
        async for piece in stream:
            if not as_json:
                sys.stdout.write(piece.text)
                sys.stdout.flush()
        answer = stream.answer
        assert answer is not None, "a stream without an error has an answer"
    if as_json:
        _print_json(receipt.as_json(answer))
    else:
        _print_receipt(answer)


async def _preview(question: str, config: Config, wishes: Wishes, as_json: bool) -> None:
    from edge_agent.agent import AsyncAgent
    from edge_agent.cli import previewing

    async with await AsyncAgent.open(config, progress=shown_progress()) as agent:
        shown = await agent.preview(question, **wishes)
    if as_json:
        _print_json(previewing.as_json(shown))
    else:
        previewing.print_preview(shown, console())


def _print_receipt(answer: Answer) -> None:
    from edge_agent.cli import receipt

    sys.stdout.write("\n")
    sys.stdout.flush()
    out = console(stderr=True)
    out.print(f"[dim]{answer.reason}[/dim]")
    out.print(f"[dim]{receipt.as_line(answer)}[/dim]")


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
