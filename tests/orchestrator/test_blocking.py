"""The event loop thread behind every blocking class."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.blocking import EventLoopThread
from orchestrator.errors import Cancelled


@pytest.fixture
def loop() -> Iterator[EventLoopThread]:
    thread = EventLoopThread()
    yield thread
    thread.close()


class Endless:
    """A generator that says when it was started, and when it has cleaned up."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.cleaned = threading.Event()

    async def run(self) -> AsyncGenerator[int, None]:
        self.started.set()
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.cleaned.set()


def test_a_call_returns_its_result_and_raises_its_error(loop: EventLoopThread) -> None:
    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    async def fail() -> None:
        raise KeyError("x")

    assert loop.run(lambda: double(21)) == 42
    with pytest.raises(KeyError):
        loop.run(fail)


def test_many_threads_share_one_loop(loop: EventLoopThread) -> None:
    async def thread_id() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    with ThreadPoolExecutor(8) as pool:
        idents = set(pool.map(lambda _: loop.run(thread_id), range(32)))
    assert len(idents) == 1
    assert threading.get_ident() not in idents


def test_a_stream_gives_every_piece_then_ends(loop: EventLoopThread) -> None:
    async def count() -> AsyncGenerator[int, None]:
        for n in range(100):
            yield n

    stream = loop.iterate(count)
    assert list(stream) == list(range(100))
    assert list(stream) == []


def test_a_stream_runs_in_one_task(loop: EventLoopThread) -> None:
    """A cancel scope may not be entered in one task and left in another."""

    async def tasks() -> AsyncGenerator[object, None]:
        async with asyncio.timeout(60):
            for _ in range(3):
                yield asyncio.current_task()
                await asyncio.sleep(0)

    assert len(set(loop.iterate(tasks))) == 1


def test_an_error_comes_after_the_pieces_before_it(loop: EventLoopThread) -> None:
    async def breaking() -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("broken")

    stream = loop.iterate(breaking)
    assert next(stream) == 1
    with pytest.raises(ValueError, match="broken"):
        next(stream)
    assert list(stream) == []


def test_closing_a_stream_waits_until_it_has_cleaned_up(loop: EventLoopThread) -> None:
    endless = Endless()
    with loop.iterate(endless.run) as stream:
        assert next(stream) == 1
    assert endless.cleaned.is_set()
    assert list(stream) == []
    stream.close()


def test_an_abandoned_stream_is_cancelled(loop: EventLoopThread) -> None:
    endless = Endless()
    stream = loop.iterate(endless.run)
    assert next(stream) == 1
    del stream
    gc.collect()
    assert endless.cleaned.wait(60)


def test_closing_cancels_what_runs(loop: EventLoopThread) -> None:
    endless = Endless()

    def read() -> int:
        return sum(loop.iterate(endless.run))

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        assert endless.started.wait(60)
        loop.close()
        with pytest.raises(Cancelled):
            reader.result(60)
    assert endless.cleaned.is_set()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.run(lambda: asyncio.sleep(0))


def test_the_loop_cannot_wait_for_itself(loop: EventLoopThread) -> None:
    async def inside() -> None:
        loop.run(lambda: asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="event loop thread"):
        loop.run(inside)


def test_a_process_that_forgets_to_close_still_exits() -> None:
    script = "import asyncio; from orchestrator.blocking import EventLoopThread as E; E().run(lambda: asyncio.sleep(0))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
