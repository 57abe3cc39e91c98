"""`edgewise feedback`: what you thought of an answer, from which routes learn."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.cli.terminal import ConfigOption, console
from orchestrator.errors import InvalidRequest

if TYPE_CHECKING:
    from edge_agent.journal import Journal
    from edge_agent.learning.teacher import Teacher
    from orchestrator.routing.learned import Learned


class Verdict(StrEnum):
    """What an answer may be."""

    GOOD = "good"
    BAD = "bad"


def feedback(
    which: Annotated[str | None, typer.Argument(metavar="[ID]", help="As printed in a receipt.")] = None,
    verdict: Annotated[str | None, typer.Argument(metavar="good|bad")] = None,
    last: Annotated[bool, typer.Option("--last", help="The latest answer, instead of an ID.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget what routes learned from feedback.")] = False,
    config: ConfigOption = None,
) -> None:
    """Say whether an answer was good; without words, show what was learned from that.

    What you say later replaces what you said. None of your words is kept.
    """
    from edge_agent.config import Config
    from edge_agent.journal import Journal
    from edge_agent.learning.teacher import Teacher
    from orchestrator.clock import SystemClock

    settings = Config.load(config)
    with Journal.open(settings.journal_path) as journal:
        teacher = Teacher.of(settings.routing, journal, SystemClock())
        if reset:
            _reset(teacher, which)
        elif which is None and not last:
            _show(teacher, settings.routing.learning)
        else:
            _rate(journal, teacher, which, verdict, last)


def _rate(journal: Journal, teacher: Teacher, which: str | None, verdict: str | None, last: bool) -> None:
    if last and verdict is not None:
        raise InvalidRequest("an id and --last name two answers", remedy="use one of them")
    said = _verdict(which if last else verdict)
    decision_id = _latest(journal) if last else which
    assert decision_id is not None, "without an id and --last, what was learned is shown"
    teacher.rate(decision_id, good=said is Verdict.GOOD)
    console().print(f"answer {decision_id} was {said.value}", markup=False)


def _reset(teacher: Teacher, which: str | None) -> None:
    if which is not None:
        raise InvalidRequest("--reset forgets everything that was learned, not one answer", remedy="use it alone")
    teacher.unlearn()
    console().print("what was learned is forgotten: the router decides as it came")


def _show(teacher: Teacher, mode: str) -> None:
    learned = teacher.learned()
    gain, out = learned.gain, console()
    out.print(
        f"learning is {mode}: of answers to which both routes were open, {learned.verdicts} were rated "
        f"and {learned.signs} asked for again"
    )
    if gain.decisions > 1:
        out.print(
            f"what was learned would have gained {gain.expected:+.3f} good answers a question "
            f"(at least {gain.low:+.3f}, 90 % sure), told from {gain.decisions} choices"
        )
    out.print(_consequence(learned, mode))


def _consequence(learned: Learned, mode: str) -> str:
    if mode != "on":
        return "it chooses no route"
    if learned.gain.proved:
        return "that is no loss: it has its say"
    return "that is not enough to act on: the router decides, and now and then something is tried out"


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
