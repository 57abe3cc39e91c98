"""How many requests may be in the house at once, and how all are shown out when it closes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from anyio import CancelScope
from starlette.exceptions import HTTPException

SEATS: Final = 64


class Room:
    """Bounds what a busy server holds in memory.

    The model on the device answers one request after another, in the order in which they came; the others hold a seat
    and wait.
    """

    def __init__(self, seats: int = SEATS) -> None:
        """`seats` requests may be answered or wait at once."""
        self.seats = seats
        self._held: set[CancelScope] = set()

    @property
    def taken(self) -> int:
        """Seats that are held."""
        return len(self._held)

    @contextmanager
    def seat(self) -> Iterator[CancelScope]:
        """Hold a seat; what runs inside is cancelled when the room is cleared, and the scope then says so.

        Raises:
            HTTPException: status 503, when all seats are taken.
        """
        if self.taken >= self.seats:
            raise HTTPException(503, f"{self.seats} requests are being answered or waiting", {"retry-after": "1"})
        with CancelScope() as scope:
            self._held.add(scope)
            try:
                yield scope
            finally:
                self._held.remove(scope)

    def clear(self) -> None:
        """Cancel every request."""
        for scope in self._held:
            scope.cancel()
