"""The Redis client, timed. Imported only where there is a Redis."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import NoScriptError

Around = Callable[[], AbstractContextManager[None]]
"""What is put around every command."""


class TimedRedis(Redis):
    """Every command goes through `around`."""

    def __init__(self, pool: BlockingConnectionPool, around: Around) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self._around = around

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and wait for its answer."""
        with self._around():
            try:
                return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            except NoScriptError as error:
                unknown = error
        raise unknown  # outside: that a script has to be sent at its first use is no failure
