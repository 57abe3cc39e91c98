"""A promise over many questions: the threshold that keeps it, and the watch over whether that still holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from orchestrator.routing.drift import WINDOW, DriftWatch
from orchestrator.routing.promise import Pledge, Promise

if TYPE_CHECKING:
    from orchestrator.routing.calibration import Calibration


class PromiseKeeper:
    """Gives each decision its pledge. Any number of threads may ask.

    Args:
        promise: to be kept.
        calibration: labelled questions scored by the router in use; None where it brings none, and nothing can be
            promised.
        earlier: pledges of the latest decisions, oldest first. Those of another calibration say nothing here.

    Raises:
        ConfigError: what watches for drift is not installed.
    """

    def __init__(self, promise: Promise, calibration: Calibration | None, earlier: Sequence[Pledge] = ()) -> None:
        self._one_at_a_time = Lock()
        self._promise = promise
        self._threshold: float | None = None
        self._fingerprint = ""
        self._watch: DriftWatch | None = None
        if calibration is not None:
            from orchestrator.routing.learn_then_test import choose

            self._threshold = choose(promise, calibration)
            self._fingerprint = calibration.fingerprint
            known = [pledge for pledge in earlier if pledge.calibration == self._fingerprint][-WINDOW:]
            self._watch = DriftWatch(
                calibration.uplift,
                recent=[pledge.uplift for pledge in known if pledge.watched and pledge.uplift is not None],
                seen=known[-1].seen if known else 0,
                drifted=known[-1].drifted if known else False,
            )

    def pledge(self, uplift: float, *, watched: bool) -> Pledge:
        """The pledge of a question.

        Args:
            uplift: its score.
            watched: whether it is of the kind that the calibration holds: one without records that stay at home.
        """
        watched = watched and math.isfinite(uplift)
        with self._one_at_a_time:
            if watched and self._watch is not None:
                self._watch.observe(uplift)
            return Pledge(
                promise=self._promise,
                threshold=self._threshold,
                calibration=self._fingerprint,
                uplift=uplift if math.isfinite(uplift) else None,
                watched=watched,
                seen=self._watch.seen if self._watch else 0,
                drifted=self._watch.drifted if self._watch else False,
            )
