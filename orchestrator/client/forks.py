"""Clients and `os.fork`: gRPC's threads do not live on in a child, so a client there must say so, and never hang."""

from __future__ import annotations

import gc
import os
from typing import Final
from weakref import WeakSet

import grpc.aio

from orchestrator.errors import InvalidRequest


class ForkGuard:
    """Remembers which process was the first to open a channel. Its children cannot open one.

    gRPC's core keeps threads and a completion queue for the whole process. After a fork the child has the queue and no
    threads: a call there would wait for ever or crash, also on a new channel, and also where the parent has closed all
    of its own. So no child comes that far. Nor does it take the parent's channels apart, which crashes, too: they stay
    in its memory until it ends.
    """

    def __init__(self) -> None:
        self._process: int | None = None
        self._channels: WeakSet[grpc.aio.Channel] = WeakSet()

    def check(self, target: str) -> None:
        """Pass the process that opens channels, and make the first one to ask that process.

        Raises:
            InvalidRequest: this process was forked from one that had already used a client.
        """
        if self._process is None:
            self._process = os.getpid()
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._keep)
        if self._process != os.getpid():
            raise InvalidRequest(
                f"gateway {target}: this process was forked from one that had already called a gateway",
                remedy="make the first call after the fork, or start processes with multiprocessing's `spawn`",
            )

    def opened(self, channel: grpc.aio.Channel) -> None:
        """A channel that a child must not take apart."""
        self._channels.add(channel)

    def _keep(self) -> None:
        """In a child: whatever was there at the fork is not collected, and a ring keeps the channels beyond that."""
        ring: list[object] = [*self._channels]
        ring.append(ring)
        gc.freeze()


FORK_GUARD: Final = ForkGuard()
"""One for the whole process, as gRPC's core is."""
