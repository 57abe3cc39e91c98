"""`edgewise feedback`: what you thought of an answer, from which routes learn."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.terminal import ConfigOption, console
from orchestrator.errors import InvalidRequest

if TYPE_CHECKING:
    from edge_agent.journal import Journal


class Verdict(StrEnum):
    """What an answer may be."""

    GOOD = "good"
    BAD = "bad"


def feedback(
    which: Annotated[str | None, typer.Argument(metavar="[ID]", help="As printed in a receipt.")] = None,
    verdict: Annotated[str | None, typer.Argument(metavar="good|bad")] = None,
    last: Annotated[bool, typer.Option("--last", help="The latest answer, instead of an ID.")] = False,
    config: ConfigOption = None,
) -> None:
    """Say whether an answer was good. What you say later replaces it; none of your words is kept."""
    from edge_agent.config import Config
    from edge_agent.journal import Journal

    if last and verdict is not None:
        raise InvalidRequest("an id and --last name two answers", remedy="use one of them")
    said = _verdict(which if last else verdict)
    with Journal.open(Config.load(config).journal_path) as journal:
        decision_id = _latest(journal) if last else which
        if decision_id is None:
            raise InvalidRequest("which answer?", remedy="name it by its id, or use --last")
        journal.rate(decision_id, good=said is Verdict.GOOD)
    console().print(f"answer {decision_id} was {said.value}", markup=False)


def _verdict(word: str | None) -> Verdict:
    try:
        return Verdict(word or "")
    except ValueError:
        raise InvalidRequest(
            f"an answer is not {word!r}" if word else "was it good or bad?",
            remedy="edgewise feedback ID good, or: edgewise feedback --last bad",
        ) from None


def _latest(journal: Journal) -> str:
    decision_id = journal.latest_answered()
    if decision_id is None:
        raise InvalidRequest("nothing was answered on this device yet", remedy='ask something: edgewise ask "…"')
    return decision_id
