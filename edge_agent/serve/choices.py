"""Several answers to one request, made at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing

from orchestrator.types import Answer, Piece

Events = AsyncGenerator[Piece | Answer, None]


async def together(runs: Sequence[Events]) -> AsyncGenerator[tuple[int, Piece | Answer], None]:
    """What `runs` yield, as it comes, each with the index of its run.

    Closing the generator stops all of them, and so does the first that fails.

    Raises:
        EdgewiseError: that of the first run that failed.
    """
    async with AsyncExitStack() as open_runs:
        for run in runs:
            await open_runs.enter_async_context(aclosing(run))
        awaited = {_next(run): index for index, run in enumerate(runs)}
        try:
            while awaited:
                done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(done, key=awaited.__getitem__):
                    index = awaited.pop(task)
                    event = task.result()
                    if event is None:
                        continue
                    awaited[_next(runs[index])] = index
                    yield index, event
        finally:
            for task in awaited:
                task.cancel()
            await asyncio.gather(*awaited, return_exceptions=True)


def _next(run: Events) -> asyncio.Task[Piece | Answer | None]:
    async def step() -> Piece | Answer | None:
        return await anext(run, None)

    return asyncio.create_task(step())
