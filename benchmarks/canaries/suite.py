"""Many trials, and what they come to."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.canaries.canary import Canary, Leak
from benchmarks.canaries.faults import FAULTS
from benchmarks.canaries.questions import KINDS
from benchmarks.canaries.search import Finds, search
from benchmarks.canaries.stand import Stand
from benchmarks.canaries.trial import Outcome, Trial, attempt
from benchmarks.canaries.ways import WAYS

_SURROGATES: Final = 0.3
"""The share of trials whose stand-ins are other names."""
_REMEMBERED: Final = 2
"""Latest lives that are looked for in the gateway's memory, in the end."""


@dataclass(slots=True)
class Report:
    """What all trials came to."""

    outcomes: list[Outcome] = field(default_factory=list)
    finds: Finds = field(default_factory=Finds)
    canaries: int = 0

    @property
    def leaks(self) -> Iterator[tuple[str, Leak]]:
        """Where a canary was, and the trial."""
        for outcome in self.outcomes:
            for leak in outcome.finds.leaks:
                yield str(outcome.trial), leak
        for leak in self.finds.leaks:
            yield "after all trials", leak

    @property
    def searched(self) -> Counter[str]:
        """Bytes, by place."""
        return sum((outcome.finds.searched for outcome in self.outcomes), self.finds.searched)

    def count(self, what: Callable[[Trial], str]) -> Counter[str]:
        """Trials by kind, way or fault."""
        return Counter(what(outcome.trial) for outcome in self.outcomes)


def plan(trials: int, *, seed: int, faults: Iterable[str] = (), real: int = 0) -> list[Trial]:
    """`trials` trials: every kind, way and fault comes up about as often as any other, in ever new company.

    Args:
        trials: how many.
        seed: of everything.
        faults: only these; none: all.
        real: how many of them the real small model answers.
    """
    random = Random(seed)
    decks = [_dealt(list(names), random) for names in (KINDS, WAYS, list(faults) or FAULTS)]
    dealt = zip(*decks, strict=False)
    return [
        Trial(f"{seed}.{number}", kind, way, fault, real=number < real, surrogates=random.random() < _SURROGATES)
        for number, (kind, way, fault) in enumerate(islice(dealt, trials))
    ]


def _dealt(names: list[str], random: Random) -> Iterator[str]:
    while True:
        random.shuffle(names)
        yield from names


async def run(trials: Iterable[Trial], folder: Path, told: Callable[[Outcome], None] = lambda outcome: None) -> Report:
    """Run trials one after another against one cloud side.

    Args:
        trials: what is tried.
        folder: for what devices and gateway keep; a device's part goes when its trial is over and clean.
        told: is given every outcome at once.
    """
    report, lives = Report(), list[list[Canary]]()
    async with Stand(folder / "gateway") as stand:
        for number, trial in enumerate(trials):
            state = folder / f"device-{number}"
            outcome = await attempt(trial, stand, state)
            life, _ = trial.begin()
            lives.append(list(life.canaries))
            report.outcomes.append(outcome)
            told(outcome)
            if not outcome.finds.leaks:
                shutil.rmtree(state, ignore_errors=True)
        everybody = [canary for life in lives for canary in life]
        latest = [canary for life in lives[-_REMEMBERED:] for canary in life]
        report.canaries = len(everybody)
        report.finds = search(everybody, [stand.whole_log()], outside=False)
        report.finds.add(stand.remembered(latest))
    return report
