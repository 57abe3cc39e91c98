"""What guesses tokens ahead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Drafter(Protocol):
    """Guesses how one sequence goes on. A guess costs time where it is wrong, and never changes the answer."""

    def propose(self, tokens: Sequence[int], most: int) -> list[int]:
        """What may follow `tokens` (the prompt and what was written), at most `most` of them; empty for no idea.

        Called before each pass, with all that came before and what was written since: how earlier guesses fared can be
        seen there, also of guesses that were too unlikely to be proposed.
        """
        ...

    def take_bytes(self) -> int:
        """What memory delivered for guesses since this was last asked, for the account of energy."""
        ...
