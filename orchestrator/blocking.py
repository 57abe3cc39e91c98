"""The one way from blocking code into the async core: an event loop on a thread of its own.

A blocking class holds an `EventLoopThread` and passes every call on; there is no second copy of any logic.

This is plain asyncio, and not anyio's blocking portal, for the sake of clean-up: a portal cancels by scope, which cuts
every `await` in a `finally` too, while a cancelled asyncio task may still await what it needs to settle its account.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import aclosing, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from orchestrator.errors import Cancelled, InvalidRequest

T = TypeVar("T")
_FAREWELL_S: Final = 1.0
_EXIT_S: Final = 3.0
"""How long the end of the interpreter waits for a loop that nobody closed."""


class EventLoopThread:
    """An asyncio loop on a daemon thread, started at the first call. Safe to use from many threads.

    One that is dropped, or still open when the interpreter ends, is closed. In a process forked after its first
    call it refuses every further one: its thread has stayed behind.
    """

    def __init__(self, name: str = "edgewise") -> None:
        """`name` is the thread's, for debuggers and logs."""
        self._name = name
        self._lock = threading.Lock()
        self._running: tuple[threading.Thread, _Host] | None = None
        self._process: int | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def run(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await `call()` on the loop and return its result; an interrupt of this thread cancels it.

        Raises:
            Cancelled: another thread closed it meanwhile.
            InvalidRequest: this process was forked from the one of the first call.
            RuntimeError: it is closed, or this is the loop's own thread, which would wait for itself for ever.
        """
        self._check_process()
        with self._lock:
            host = self._host()
            future = asyncio.run_coroutine_threadsafe(host.track(call()), host.loop)
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
            InvalidRequest: this process was forked from the one of the first call.
            RuntimeError: it is closed, or this is the loop's own thread.
        """
        self._check_process()
        with self._lock:
            return BlockingStream(self._host(), source)

    def close(self) -> None:
        """Cancel what still runs, let it clean up, and end the thread. A second call does nothing, nor does one in a
        process that was forked: the thread is the parent's."""
        if self._process not in (None, os.getpid()):
            self._closed = True
            return
        with self._lock:
            self._closed = True
            running, self._running = self._running, None
        if running is not None:
            thread, host = running
            host.end()
            thread.join()

    def _check_process(self) -> None:
        """Before the lock, which a thread of the parent may have held at the fork."""
        if self._process is None:
            self._process = os.getpid()
        if self._process != os.getpid():
            raise InvalidRequest(
                f"the event loop thread {self._name!r} stayed behind when this process was forked",
                remedy="make the first call after the fork, or start processes with multiprocessing's `spawn`",
            )

    def _host(self) -> _Host:
        """What runs on the thread. The caller holds the lock, so that nothing is begun behind the loop's end."""
        if self._closed:
            raise RuntimeError(f"the event loop thread {self._name!r} is closed")
        if self._running is None:
            ready: Future[_Host] = Future()
            thread = threading.Thread(target=lambda: asyncio.run(_serve(ready)), name=self._name, daemon=True)
            thread.start()
            host = ready.result()
            self._running = (thread, host)
            weakref.finalize(self, host.end).atexit = False
            # The thread holds its host, so this comes only with the interpreter's end, or behind the thread's.
            weakref.finalize(host, _end_and_wait, thread, host.loop, host.stop, os.getpid())
        thread, host = self._running
        if thread is threading.current_thread():
            raise RuntimeError(f"a blocking call on the event loop thread {self._name!r} would wait for itself")
        return host


class _Host:
    """A running loop, and what was begun on it from outside. Touched on the loop's own thread alone."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._process = os.getpid()

    @property
    def here(self) -> bool:
        """Whether its thread is in this process, and not in the one that this was forked from."""
        return self._process == os.getpid()

    def end(self) -> None:
        """Ask the thread to end. From any thread."""
        if self.here:
            with suppress(RuntimeError):  # it has ended
                self.loop.call_soon_threadsafe(self.stop.set)

    async def track(self, call: Coroutine[Any, Any, T]) -> T:
        """Await `call` in a task that `finish` will find."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            return await call
        finally:
            self.tasks.discard(task)

    async def finish(self) -> None:
        """Cancel what was begun, and let it clean up; then give the tasks of libraries a moment to end by themselves.

        gRPC's would otherwise be told of the end of their calls on a closed loop.
        """
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            await asyncio.wait(rest, timeout=_FAREWELL_S)


def _end_and_wait(thread: threading.Thread, loop: asyncio.AbstractEventLoop, stop: asyncio.Event, process: int) -> None:
    if process == os.getpid() and thread is not threading.current_thread():
        with suppress(RuntimeError):  # it has ended
            loop.call_soon_threadsafe(stop.set)
        thread.join(_EXIT_S)


async def _serve(ready: Future[_Host]) -> None:
    host = _Host()
    ready.set_result(host)
    await host.stop.wait()
    await host.finish()


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class BlockingStream(Iterator[T], Generic[T]):
    """An async generator as a blocking iterator. Close it, or leave its `with`, to stop the work early.

    The work runs ahead of a slow reader: pieces wait in memory, and the generator never waits for the reader.
    """

    def __init__(self, host: _Host, source: Callable[[], AsyncGenerator[T, None]]) -> None:
        """Start `source()` at once. Made by `EventLoopThread.iterate`."""
        self._over = False
        self._pump = _Pump(host, source)

    def __next__(self) -> T:
        if self._over:
            raise StopIteration
        if not self._pump.here:
            raise InvalidRequest(
                "the stream belongs to the process that this one was forked from", remedy="open it behind the fork"
            )
        item = self._pump.items.get()
        if not isinstance(item, _End):
            return item
        self._over = True
        raise StopIteration if item.error is None else item.error

    def close(self) -> None:
        """Stop the work and wait until it has cleaned up. Afterwards the iterator is at its end."""
        self._over = True
        if self._pump.here:
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

    def __init__(self, host: _Host, source: Callable[[], AsyncGenerator[T, None]]) -> None:
        self.items: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self.ended = threading.Event()
        self._host = host
        self._task: asyncio.Task[None] | None = None
        # Not kept: it may know whoever owns the loop, who is to be collected when dropped.
        host.loop.call_soon_threadsafe(self._begin, source)

    @property
    def here(self) -> bool:
        """Whether the work is in this process."""
        return self._host.here

    def cancel(self) -> None:
        """Ask the work to stop. A closed loop has stopped it already."""
        if self.here:
            with suppress(RuntimeError):
                self._host.loop.call_soon_threadsafe(self._cancel)

    def _begin(self, source: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._task = self._host.loop.create_task(self._run(source()))
        self._host.tasks.add(self._task)
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self, source: AsyncGenerator[T, None]) -> None:
        async with aclosing(source) as events:
            async for event in events:
                self.items.put(event)

    def _finish(self, task: asyncio.Task[None]) -> None:
        """Called also for a task that was cancelled before its first step."""
        self._host.tasks.discard(task)
        error = Cancelled("the stream was cancelled") if task.cancelled() else task.exception()
        self.ended.set()
        self.items.put(_End(error))
