"""Clients and `os.fork`: gRPC's threads do not live on in a child, so a client there must say so, and never hang."""

from __future__ import annotations

import os
from typing import Final

from orchestrator.errors import InvalidRequest


class ForkGuard:
    """Remembers which process was the first to open a channel. Its children cannot open one.

    gRPC's core keeps threads and a completion queue for the whole process. After a fork the child has the queue and no
    threads: a call there would wait for ever or crash, also on a new channel, and also where the parent has closed all
    of its own. So no child comes that far.
    """

    def __init__(self) -> None:
        self._process: int | None = None

    def check(self, target: str) -> None:
        """Pass the process that opens channels, and make the first one to ask that process.

        Raises:
            InvalidRequest: this process was forked from one that had already used a client.
        """
        if self._process is None:
            self._process = os.getpid()
        if self._process != os.getpid():
            raise InvalidRequest(
                f"gateway {target}: this process was forked from one that had already called a gateway",
                remedy="make the first call after the fork, or start processes with multiprocessing's `spawn`",
            )


FORK_GUARD: Final = ForkGuard()
"""One for the whole process, as gRPC's core is."""
