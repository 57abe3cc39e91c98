"""How many tokens to draft: as many as pay."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.slm.speculation.costs import PassCosts

_WEIGHT = 4.0
"""Of the prior, in observations."""
_KEPT = 0.98
"""Of what was seen, at each new observation of the same kind: the last fifty or so count."""


class Share:
    """How often something was right: the mean of a beta-Bernoulli model that forgets."""

    __slots__ = ("_right", "_seen")

    def __init__(self, prior: float) -> None:
        self._right, self._seen = prior * _WEIGHT, _WEIGHT

    @property
    def mean(self) -> float:
        """From 0 to 1."""
        return self._right / self._seen

    def observe(self, right: bool) -> None:
        """One more case."""
        self._right = self._right * _KEPT + right
        self._seen = self._seen * _KEPT + 1.0


class Pace:
    """Chooses the draft length that promises the most tokens a second, from what was seen so far.

    A drafted token comes with a level: how much speaks for it, as its drafter counts. For each level the share of
    right guesses is learned. With a_i the share of the i-th token's level, a draft of k tokens yields
    E(k) = 1 + sum over j of a_1 * ... * a_j tokens (Leviathan et al. 2023, arXiv 2211.17192, equation 1, with a rate
    that is not the same everywhere; Oliaro et al. 2024, arXiv 2411.04975, draft by the length of the match, too). The
    best k has the largest E(k) / cost(k); it is 0 where nothing is worth its time.

    Where a guess costs nothing to make, it is made and told of also when it is not proposed: then a text that copies
    nothing pays nothing for learning so.
    """

    def __init__(self, costs: PassCosts, prior: Sequence[float]) -> None:
        """Args:
        costs: of the target model's passes.
        prior: the share of right guesses to begin with, for each level from 0 on.
        """
        self._costs = costs
        self._levels = [Share(share) for share in prior]
        self._any = Share(sum(prior) / len(prior))

    def length(self, levels: Sequence[int], *, spent: float = 0.0) -> int:
        """How many tokens of a draft to propose.

        Args:
            levels: of its tokens.
            spent: on making the draft, in passes of the target model over one token.
        """
        best, best_rate = 0, 1.0 / (1.0 + spent)
        likely = expected = 1.0
        for length, level in enumerate(levels, start=1):
            likely *= self._levels[level].mean
            expected += likely
            rate = expected / (self._costs.relative(length + 1) + spent)
            if rate > best_rate:
                best, best_rate = length, rate
        return best

    def goes_on(self, levels: Sequence[int], *, spent: float, token_cost: float) -> bool:
        """Whether it pays to draft one token more, of which no more is known than of any.

        Args:
            levels: of the tokens drafted so far.
            spent: on these, in passes of the target model over one token.
            token_cost: of the next one, likewise.
        """
        likely = expected = 1.0
        for level in levels:
            likely *= self._levels[level].mean
            expected += likely
        width = len(levels) + 1
        now = expected / (self._costs.relative(width) + spent)
        longer = self._costs.relative(width + 1) + spent + token_cost
        return (expected + likely * self._any.mean) / longer > now

    def observe(self, levels: Sequence[int], right: int) -> None:
        """Of a guess, the first `right` tokens came, and a further one in `levels` did not.

        Args:
            levels: of the tokens about which something is known: `right` of them, or one more.
        """
        for place, level in enumerate(levels):
            self._levels[level].observe(place < right)
            self._any.observe(place < right)
