"""What use has taught about one question, as its decision sees it: plain numbers, without numpy, stored and replayed.

The router stays as it is. Feedback teaches how far its chances are off, and how sure that is. Where the learned policy
may choose at all, it chooses by Thompson sampling (Agrawal & Goyal 2013, arXiv 1209.3352): a route with the probability
that it is the better one. With two routes and normal errors that probability is known in closed form, so it is stored
with the decision, and what another policy would have been worth can be told afterwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How far the router is probably off for one question, and how much say that has."""

    context: tuple[float, ...]
    """What errors are explained by: numbers about what the router expects, and nothing about the question's words."""
    basis: str
    """The router and the kind of context; lessons of another basis do not compare."""
    local: float = 0.0
    """To be added to the router's chance of a good answer on the device."""
    cloud: float = 0.0
    """The same for the cloud."""
    spread: float = 0.0
    """Standard deviation with which the difference of the two is sampled; 0 takes the mean as it is."""
    say: float = 0.0
    """The share of such questions in which the learned policy chooses, 0 to 1; the router chooses in the others."""
    draw: float = 0.0
    """From 0 to below 1, drawn evenly for this decision from its id."""

    def cloud_wins(self, gap_usd: float, good_answer_usd: float) -> float:
        """The learned policy's probability of the cloud.

        Args:
            gap_usd: by how much the router values the cloud's answer above the device's.
            good_answer_usd: the price of a good answer.
        """
        mean = gap_usd / good_answer_usd + self.cloud - self.local
        if self.spread <= 0:
            return float(mean > 0)
        return 0.5 * math.erfc(-mean / (self.spread * math.sqrt(2)))

    def chosen(self, gap_usd: float, good_answer_usd: float) -> tuple[bool, float]:
        """Whether the cloud answers, and how probable this choice was.

        The router's choice keeps its share of the probability whatever was learned, and the learned one its own: no
        choice was much less probable than either policy would have made it (Hesterberg 1995's defensive mixture).
        """
        probability = self.say * self.cloud_wins(gap_usd, good_answer_usd) + (1 - self.say) * (gap_usd > 0)
        leaves = self.draw < probability
        return leaves, probability if leaves else 1 - probability
