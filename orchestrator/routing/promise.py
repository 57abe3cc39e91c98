"""A promise about quality, or about how many questions leave: its terms, and what they ask of one decision.

How a threshold is found that keeps a promise is in `learn_then_test`; this module is plain values, without numpy, so
that a stored decision carries its promise and replays (law 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.errors import InvalidRequest
from orchestrator.types import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One of two promises over the questions that the router may choose for, and how sure of it one wants to be.

    Raises:
        InvalidRequest: not exactly one limit is given, or a value lies outside of 0 to 1.
    """

    at_most_worse: float | None = None
    """How much smaller the share of right answers may be than if the cloud answered everything: .02 is two in a
    hundred questions, net of those that only the device gets right."""
    at_most_leaving: float | None = None
    """The share of questions that may leave the device."""
    confidence: float = 0.9
    """The chance that it holds over as many fresh questions as it was calibrated on, drawn like them."""

    def __post_init__(self) -> None:
        if (self.at_most_worse is None) == (self.at_most_leaving is None):
            raise InvalidRequest(
                "a promise has one limit", remedy="give either at_most_worse or at_most_leaving, not both"
            )
        for name, value in (("the limit", self.limit), ("the confidence", self.confidence)):
            if not 0 < value < 1:
                raise InvalidRequest(f"{name} of a promise is {value}", remedy="it lies between 0 and 1, as .02 does")

    @property
    def about_quality(self) -> bool:
        """Whether it limits the loss of right answers; otherwise it limits what leaves."""
        return self.at_most_worse is not None

    @property
    def limit(self) -> float:
        """The number promised, a share of questions."""
        limit = self.at_most_worse if self.at_most_worse is not None else self.at_most_leaving
        assert limit is not None
        return limit

    def __str__(self) -> str:
        words = "worse than the cloud alone" if self.about_quality else "of questions leave"
        return f"at most {100 * self.limit:.3g} % {words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """A promise as one decision sees it: with its threshold, the question's score, and whether they still go together.

    The cautious setting keeps a promise whatever the questions are: everything goes to the cloud under a promise about
    quality, and nothing under one about leaving.
    """

    promise: Promise
    threshold: float | None
    """The uplift from which on a question goes to the cloud. None: no threshold could be promised from the data."""
    calibration: str
    """The fingerprint of the questions that the threshold was chosen on."""
    uplift: float | None
    """Of this question, −1 to 1; None where it has no score."""
    watched: bool = True
    """Whether its score was compared with the calibration's, to notice a drift."""
    seen: int = 0
    """How many scores were, up to this one."""
    drifted: bool = False
    """Whether the questions no longer look like those that the threshold was chosen on."""

    @property
    def caution(self) -> str:
        """Why the cautious setting holds, in plain words; empty where the threshold decides."""
        if self.threshold is None:
            return "no threshold can be promised from the calibration data"
        if self.drifted:
            return "questions no longer look like the calibration data"
        if self.uplift is None or not math.isfinite(self.uplift):
            return "the question has no score"
        return ""

    @property
    def forbidden(self) -> Route | None:
        """The route that would break the promise. Whatever else weighs in chooses among the rest."""
        if self.promise.about_quality:
            return Route.LOCAL if self.caution or self._reached else None
        return None if not self.caution and self._reached else Route.CLOUD

    @property
    def reason(self) -> str:
        """What the promise asks of this question, in plain words."""
        if self.caution:
            place = "the cloud" if self.promise.about_quality else "the device"
            return f"promised: {self.promise}; {self.caution}, so {place} answers, to be safe"
        side = "reaches" if self._reached else "stays below"
        return f"promised: {self.promise}; the uplift of {self.uplift:.3f} {side} the threshold of {self.threshold:.3f}"

    @property
    def _reached(self) -> bool:
        return self.uplift is not None and self.threshold is not None and self.uplift >= self.threshold
