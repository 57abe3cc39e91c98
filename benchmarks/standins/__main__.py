"""How often stand-ins come back usable from the cloud's model of our pair.

`python -m benchmarks.standins [--ways plain typed …] [--model NAME] [--show] [--json]` asks thirty things about people,
greedily, as they are (`plain`), with typed stand-ins (`typed`), with these and one line that says what they are
(`hint`), and with surrogates (`surrogate`). An answer is usable if it says, once restored, what was wanted; it is
broken if a stand-in in it was not put back. What differs from `plain` is what redaction costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Final

from benchmarks.standins.prompts import PROMPTS, Asked
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.pull import ensure
from orchestrator.budget.deadline import Deadline
from orchestrator.clock import SystemClock
from orchestrator.ports import LocalModel
from orchestrator.privacy.redaction import Redaction
from orchestrator.privacy.stand_ins import WORDS
from orchestrator.privacy.surrogates import Surrogates
from orchestrator.types import Message, Sampling, TextDelta

_TOKENS: Final = 48
_SYSTEM: Final = "You are a helpful assistant. Answer briefly."
HINT: Final = "Names such as PERSON_1 stand for what is not shown to you; write them exactly as they are."
_TYPED: Final = re.compile(rf"\b(?:{'|'.join(WORDS.values())})\\?[_-]\d+", re.IGNORECASE)
_WAYS: Final[dict[str, tuple[Callable[[], Redaction] | None, str]]] = {
    "plain": (None, _SYSTEM),
    "typed": (Redaction, _SYSTEM),
    "hint": (Redaction, f"{_SYSTEM} {HINT}"),
    "surrogate": (lambda: Redaction(Surrogates(Random(0))), _SYSTEM),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer.

    Attributes:
        sent: the question as it left.
        came: the answer as it came.
        shown: the answer, restored.
    """

    sent: str
    came: str
    shown: str
    usable: bool
    broken: bool


async def answer(model: LocalModel, asked: Asked, way: str) -> Answered:
    """Ask one thing in one way."""
    made, system = _WAYS[way]
    redaction = made() if made else None
    sent = redaction.redact(asked.text, asked.findings) if redaction else asked.text
    deadline = Deadline.after(SystemClock(), None)
    messages = (Message("system", system), Message("user", sent))
    stream = model.generate(messages, sampling=Sampling(max_tokens=_TOKENS), deadline=deadline)
    pieces = [event.text async for event in stream if isinstance(event, TextDelta)]
    came = "".join(pieces)
    shown = came
    if redaction:
        restorer = redaction.restorer()
        shown = "".join(map(restorer.push, pieces)) + restorer.flush()
    usable = all(wanted.lower() in shown.lower() for wanted in asked.wanted)
    return Answered(sent, came, shown, usable, broken=redaction is not None and _is_broken(asked, sent, shown))


def _is_broken(asked: Asked, sent: str, shown: str) -> bool:
    """Whether a stand-in, or a word or number of a surrogate, is left in what is shown."""
    ours = set(re.findall(r"\w{3,}", sent)) - set(re.findall(r"\w{3,}", asked.text))
    return _TYPED.search(shown) is not None or not ours.isdisjoint(re.findall(r"\w{3,}", shown))


async def _all(model: LocalModel, ways: list[str]) -> dict[str, list[Answered]]:
    return {way: [await answer(model, asked, way) for asked in PROMPTS] for way in ways}


def _lines(answers: dict[str, list[Answered]], *, show: bool) -> Iterator[str]:
    yield "| way | usable | broken | of |\n|---|---|---|---|"
    for way, given in answers.items():
        usable, broken = sum(each.usable for each in given), sum(each.broken for each in given)
        yield f"| `{way}` | {usable} | {broken} | {len(given)} |"
    for way, given in answers.items() if show else ():
        for each in given:
            verdict = "broken" if each.broken else "usable" if each.usable else "not usable"
            yield f"\n[{way}] {verdict}\n> {each.sent}\n< {each.came}\n= {each.shown}"


def main() -> None:
    """Ask, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standins", description=__doc__)
    parser.add_argument("--ways", nargs="+", choices=list(_WAYS), default=list(_WAYS))
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    parser.add_argument("--show", action="store_true", help="also each question and its answer")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = OnnxModel.open(ensure(options.model))
    try:
        answers = asyncio.run(_all(model, options.ways))
    finally:
        model.close()
    if options.json:
        print(json.dumps({way: [asdict(each) for each in given] for way, given in answers.items()}))
    else:
        print("\n".join(_lines(answers, show=options.show)))


if __name__ == "__main__":
    main()
