"""The clock of the real world."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The `Clock` of the operating system: what runs everywhere but in tests and simulations."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary instant; never jumps."""
        return time.monotonic()

    def now(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait on the running asyncio loop."""
        await asyncio.sleep(seconds)
