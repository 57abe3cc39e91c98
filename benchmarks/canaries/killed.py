"""A device that will be killed: `python -m benchmarks.canaries.killed FOLDER GATEWAY SEED KIND WAY`.

It does what a trial does, in a process of its own, with its log at debug level on standard error.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from benchmarks.canaries.device import configured, opened, remember
from benchmarks.canaries.stand import KEY
from benchmarks.canaries.trial import Trial
from benchmarks.canaries.ways import WAYS


async def _live_and_ask(folder: Path, target: str, trial: Trial) -> None:
    life, asked = trial.begin()
    async with opened(configured(folder, target=target, key=KEY), unsure=trial.way == "handoff") as agent:
        remember(agent, (*life.records, *asked.planted))
        await WAYS[trial.way](agent, life, asked)


def main() -> None:
    """Live, ask, and go on until killed or done."""
    logging.basicConfig(level=logging.DEBUG)
    folder, target, seed, kind, way = sys.argv[1:]
    asyncio.run(_live_and_ask(Path(folder), target, Trial(seed, kind, way, "none")))


if __name__ == "__main__":
    main()
