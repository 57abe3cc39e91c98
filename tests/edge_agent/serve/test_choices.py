"""Several runs at the same time: nothing is lost, nothing goes on behind an end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from edge_agent.serve.choices import Events, together
from orchestrator.errors import InferenceFailed
from orchestrator.types import Piece, Route

pytestmark = pytest.mark.anyio


class Run:
    """Yields numbered pieces, for ever or up to a fault, and knows whether it was let go."""

    def __init__(self, pieces: int | None = None, *, fault: bool = False) -> None:
        self.closed = False
        self._pieces = pieces
        self._fault = fault

    async def events(self) -> Events:
        try:
            number = 0
            while self._pieces is None or number < self._pieces:
                await asyncio.sleep(0)
                yield Piece(str(number), Route.LOCAL)
                number += 1
            if self._fault:
                raise InferenceFailed("broken")
        finally:
            self.closed = True


async def test_every_piece_comes_in_the_order_of_its_run() -> None:
    runs = [Run(3), Run(0), Run(5)]
    seen: list[tuple[int, str]] = []
    async for index, event in together([run.events() for run in runs]):
        assert isinstance(event, Piece)
        seen.append((index, event.text))
    for index, run in enumerate(runs):
        assert [text for at, text in seen if at == index] == [str(number) for number in range(run._pieces or 0)]
        assert run.closed
    assert seen.index((2, "0")) < seen.index((0, "2")), "they take turns"


async def test_the_first_fault_ends_all() -> None:
    runs = [Run(), Run(2, fault=True), Run()]
    with pytest.raises(InferenceFailed):
        async for _ in together([run.events() for run in runs]):
            pass
    assert [run.closed for run in runs] == [True] * 3


async def test_who_stops_listening_stops_all() -> None:
    runs = [Run(), Run()]
    async with aclosing(together([run.events() for run in runs])) as events:
        await anext(events)
    assert [run.closed for run in runs] == [True] * 2
