"""The one way from blocking code into the async core: an event loop on a thread of its own.

A blocking class holds an `EventLoopThread` and passes every call on; there is no second copy of any logic.

This is plain asyncio, and not anyio's blocking portal, for the sake of clean-up: a portal cancels by scope, which cuts
every `await` in a `finally` too, while a cancelled asyncio task may still await what it needs to settle its account.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import aclosing, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from orchestrator.errors import Cancelled

T = TypeVar("T")


class EventLoopThread:
    """An asyncio loop on a daemon thread, started at the first call. Safe to use from many threads."""

    def __init__(self, name: str = "edgewise") -> None:
        """`name` is the thread's, for debuggers and logs."""
        self._name = name
        self._lock = threading.Lock()
        self._running: tuple[threading.Thread, asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def run(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await `call()` on the loop and return its result; an interrupt of this thread cancels it.

        Raises:
            Cancelled: another thread closed it meanwhile.
            RuntimeError: it is closed, or this is the loop's own thread, which would wait for itself for ever.
        """
        with self._lock:
            loop = self._loop()
            future = asyncio.run_coroutine_threadsafe(call(), loop)
        try:
            return future.result()
        except CancelledError:
            raise Cancelled(f"the event loop thread {self._name!r} was closed while a call was running") from None
        except BaseException:
            future.cancel()
            raise

    def iterate(self, source: Callable[[], AsyncGenerator[T, None]]) -> BlockingStream[T]:
        """Run the async generator `source()` on the loop, in one task from its beginning to its end.

        Raises:
            RuntimeError: it is closed, or this is the loop's own thread.
        """
        with self._lock:
            return BlockingStream(self._loop(), source)

    def close(self) -> None:
        """Cancel what still runs, let it clean up, and end the thread. A second call does nothing."""
        with self._lock:
            self._closed = True
            running, self._running = self._running, None
        if running is not None:
            thread, loop, stop = running
            loop.call_soon_threadsafe(stop.set)
            thread.join()

    def _loop(self) -> asyncio.AbstractEventLoop:
        """The running loop. The caller holds the lock, so that nothing is begun behind the loop's end."""
        if self._closed:
            raise RuntimeError(f"the event loop thread {self._name!r} is closed")
        if self._running is None:
            ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
            thread = threading.Thread(target=lambda: asyncio.run(_serve(ready)), name=self._name, daemon=True)
            thread.start()
            self._running = (thread, *ready.result())
        thread, loop, _ = self._running
        if thread is threading.current_thread():
            raise RuntimeError(f"a blocking call on the event loop thread {self._name!r} would wait for itself")
        return loop


async def _serve(ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    """Wait for the stop; `asyncio.run` then cancels every task and waits for its clean-up."""
    stop = asyncio.Event()
    ready.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class BlockingStream(Iterator[T], Generic[T]):
    """An async generator as a blocking iterator. Close it, or leave its `with`, to stop the work early.

    The work runs ahead of a slow reader: pieces wait in memory, and the generator never waits for the reader.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, source: Callable[[], AsyncGenerator[T, None]]) -> None:
        """Start `source()` on `loop` at once."""
        self._over = False
        self._pump = _Pump(loop, source)

    def __next__(self) -> T:
        if self._over:
            raise StopIteration
        item = self._pump.items.get()
        if not isinstance(item, _End):
            return item
        self._over = True
        raise StopIteration if item.error is None else item.error

    def close(self) -> None:
        """Stop the work and wait until it has cleaned up. Afterwards the iterator is at its end."""
        self._over = True
        self._pump.cancel()
        self._pump.ended.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(AttributeError):  # `__init__` may not have come that far
            self._pump.cancel()


class _Pump(Generic[T]):
    """The loop's side of a stream. It knows nothing of its reader, so that an abandoned reader can be collected."""

    def __init__(self, loop: asyncio.AbstractEventLoop, source: Callable[[], AsyncGenerator[T, None]]) -> None:
        self.items: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self.ended = threading.Event()
        self._loop = loop
        self._source = source
        self._task: asyncio.Task[None] | None = None
        loop.call_soon_threadsafe(self._begin)

    def cancel(self) -> None:
        """Ask the work to stop. A closed loop has stopped it already."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._cancel)

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        async with aclosing(self._source()) as events:
            async for event in events:
                self.items.put(event)

    def _finish(self, task: asyncio.Task[None]) -> None:
        """Called also for a task that was cancelled before its first step."""
        error = Cancelled("the stream was cancelled") if task.cancelled() else task.exception()
        self.ended.set()
        self.items.put(_End(error))
