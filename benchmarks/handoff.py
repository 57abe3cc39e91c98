"""Answers that begin on one side and end on the other: is the joint clean, and how long does a reader wait there?

`python -m benchmarks.handoff [--questions 12] [--to cloud|device] [--between-tokens-s 5] [--texts] [--json]`

Real models, a real gateway process, a real agent. To the cloud: the device begins within a joule budget that is too
small for the answer. To the device: the gateway is killed (SIGKILL) in mid-answer. Counted are joints with a doubled
word, a broken word (no space between two), a doubled space, and a sentence of what was shown, or five words, that come
again behind the joint. The gap is the time between the last piece before the joint and the first behind it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from edge_agent.agent import AsyncAgent
from edge_agent.config import CloudSection, Config
from edge_agent.demo.stage import Cloud, Upstream, cloud_model, gateway_before
from edge_agent.slm.progress import Quiet
from orchestrator.types import Budget, Piece, Route, RoutePreference, Sampling

QUESTIONS: Final = (
    "What do bees make, and how do they use it?",
    "Tell me about the moon.",
    "Describe a day at the sea.",
    "What is bread made of?",
    "Tell a short story about a fox.",
    "What does a gardener do in spring?",
    "Describe the city of Rome.",
    "What is a bicycle for?",
    "Tell me about penguins.",
    "What happens in a bakery at night?",
    "Describe how tea is made.",
    "What do people like about mountains?",
)
_JOULES: Final = 14.0
"""Enough for an answer as long as most are expected to be, by the worst case."""
_PIECES_BEFORE_KILL: Final = 15
_MAX_TOKENS: Final = 120
_SENTENCE: Final = re.compile(r"[^.!?\n]{20,}[.!?]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """What a reader sees where the writer changes."""

    question: str
    before: str
    behind: str
    cause: str
    gap_ms: float
    usual_gap_ms: float
    """Median between two pieces of this answer."""

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with it, by name."""
        return tuple(name for name, is_there in FAULTS.items() if is_there(self.before, self.behind))


def _doubled_word(before: str, behind: str) -> bool:
    last, first = re.findall(r"\w+", before)[-1:], re.findall(r"\w+", behind)[:1]
    return bool(last) and [word.lower() for word in last] == [word.lower() for word in first]


def _broken_word(before: str, behind: str) -> bool:
    return before[-1:].isalnum() and behind[:1].isalnum()


def _doubled_space(before: str, behind: str) -> bool:
    return before[-1:] == " " and behind[:1] == " "


def _said_again(before: str, behind: str) -> bool:
    if any(sentence in before for sentence in _SENTENCE.findall(behind)):
        return True
    first = " ".join(behind.split()[:5])
    return len(first.split()) == 5 and first in " ".join(before.split())


FAULTS: Final = {
    "doubled word": _doubled_word,
    "broken word": _broken_word,
    "doubled space": _doubled_space,
    "said again": _said_again,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the counts, or everything as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=len(QUESTIONS), help=f"of {len(QUESTIONS)}")
    parser.add_argument("--to", choices=("cloud", "device"), help="one direction only")
    parser.add_argument("--between-tokens-s", type=float, default=5.0, help="patience with a cloud that stalls")
    parser.add_argument("--texts", action="store_true", help="print every joint")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args(argv)
    joints: dict[str, list[Joint]] = {}
    with tempfile.TemporaryDirectory() as name, cloud_model(Path(name), Quiet()) as upstream:
        for to in [arguments.to] if arguments.to else ["cloud", "device"]:
            questions, patience_s = QUESTIONS[: arguments.questions], arguments.between_tokens_s
            found = _joints(to, questions, upstream, Path(name), patience_s)
            joints[to] = [joint for joint in found if joint is not None]
    if arguments.json:
        print(json.dumps({to: [asdict(joint) | {"faults": joint.faults} for joint in js] for to, js in joints.items()}))
        return
    for to, moved in joints.items():
        print("\n".join(_rows(to, moved, texts=arguments.texts)))


def _joints(
    to: str, questions: Sequence[str], upstream: Upstream, folder: Path, patience_s: float
) -> Iterator[Joint | None]:
    """One a question; None where the answer did not move. A gateway that is to be killed is a new one each time."""
    with ExitStack() as shared:
        cloud = shared.enter_context(gateway_before(upstream, folder, Quiet())) if to == "cloud" else None
        for number, question in enumerate(questions):
            state = folder / f"{to}-{number}"
            state.mkdir()
            with ExitStack() as own:
                one = cloud or own.enter_context(gateway_before(upstream, folder, Quiet()))
                section = CloudSection(target=one.gateway.address, api_key=one.api_key, between_tokens_s=patience_s)
                yield asyncio.run(_joint(question, one, Config(state=state, cloud=section), kill=to == "device"))


async def _joint(question: str, cloud: Cloud, config: Config, *, kill: bool) -> Joint | None:
    pieces: list[tuple[float, Piece]] = []
    route = RoutePreference.CLOUD if kill else RoutePreference.AUTO
    budget = None if kill else Budget(device_joules=_JOULES)
    async with (
        await AsyncAgent.open(config) as agent,
        agent.stream(question, route=route, budget=budget, sampling=Sampling(max_tokens=_MAX_TOKENS)) as stream,
    ):
        async for piece in stream:
            pieces.append((time.perf_counter() * 1000, piece))
            if kill and len(pieces) == _PIECES_BEFORE_KILL:
                cloud.gateway.kill()
        answer = stream.answer
    assert answer is not None, "a stream without an error has an answer"
    at = next((at for at, (_, piece) in enumerate(pieces) if piece.route is not pieces[0][1].route), 0)
    before, behind = pieces[:at], pieces[at:]
    if not before or before[0][1].route is not (Route.CLOUD if kill else Route.LOCAL):
        return None
    return Joint(
        question=question,
        before="".join(piece.text for _, piece in before),
        behind="".join(piece.text for _, piece in behind),
        cause=answer.move.cause.value if answer.move else answer.reason.rpartition("; ")[2],
        gap_ms=behind[0][0] - before[-1][0],
        usual_gap_ms=statistics.median(b[0] - a[0] for a, b in itertools.pairwise(pieces)),
    )


def _rows(to: str, joints: Sequence[Joint], *, texts: bool) -> Iterator[str]:
    yield f"to the {to}: {len(joints)} answers moved"
    if not joints:
        return
    for name in FAULTS:
        yield f"  {name:14} {sum(name in joint.faults for joint in joints)}"
    yield f"  gap at the joint, ms: median {statistics.median(joint.gap_ms for joint in joints):.0f}, "
    yield f"    longest {max(joint.gap_ms for joint in joints):.0f}; "
    yield f"    between other pieces, median {statistics.median(joint.usual_gap_ms for joint in joints):.0f}"
    for joint in joints if texts else ():
        yield f"  > {joint.question} [{joint.cause}] {' '.join(joint.faults)}"
        yield f"    …{joint.before[-70:]!r} | {joint.behind[:90]!r}…"


if __name__ == "__main__":
    main()
