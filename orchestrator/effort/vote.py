"""A vote among samples: self-consistency (Wang et al. 2022, arXiv 2203.11171), counted or weighted, ended early."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Vote:
    """Counts ballots of at most weight 1 each.

    It is settled when those who have not voted could not change it any more. `needed` is the least number of further
    ballots that could settle it: whoever asks for no more never pays for a ballot in vain.
    """

    voters: int
    _cast: int = 0
    _weights: dict[str, float] = field(default_factory=dict)

    def cast(self, choice: str | None, weight: float = 1.0) -> None:
        """Take a ballot; one without a choice abstains.

        Raises:
            ValueError: the weight is not from 0 to 1, or everybody has voted.
        """
        if not 0 <= weight <= 1 or self._cast == self.voters:
            raise ValueError(f"a ballot of weight {weight} after {self._cast} of {self.voters}")
        self._cast += 1
        if choice is not None:
            self._weights[choice] = self._weights.get(choice, 0.0) + weight

    @property
    def winner(self) -> str | None:
        """The choice with the greatest weight, of equals the one that was voted for first; None where all abstained."""
        return max(self._weights, key=self._weights.__getitem__, default=None)

    @property
    def weights(self) -> tuple[float, ...]:
        """Of all choices, the greatest first."""
        return tuple(sorted(self._weights.values(), reverse=True))

    @property
    def left(self) -> int:
        """Ballots that were not cast yet."""
        return self.voters - self._cast

    @property
    def settled(self) -> bool:
        """Whether the winner stays the winner, whatever comes."""
        return self.left == 0 or self._lead > self.left

    @property
    def needed(self) -> int:
        """Further ballots, at least, until it can be settled."""
        return next(count for count in range(self.left + 1) if self._could_settle(count))

    def _could_settle(self, count: int) -> bool:
        """If all of `count` went to the leader with full weight."""
        left = self.left - count
        return left == 0 or self._lead + count > left

    @property
    def _lead(self) -> float:
        first, second = (*self.weights, 0.0, 0.0)[:2]
        return first - second
