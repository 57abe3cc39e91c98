"""Whether the questions of late still look like those that a promise was calibrated on.

A promise holds for questions drawn like the calibration's. The latest scores are compared with the calibration's by the
two-sample test of Kolmogorov and Smirnov, which notices any change of their distribution, not only of the mean. Two
levels keep it from wavering: a drift is called where the scores would hardly ever look so by luck, and called off where
they look like the calibration again. All that it knows is the latest scores and its last verdict, and both stand in
stored decisions: after a restart it goes on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from orchestrator.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW: Final = 100
"""The latest scores that are compared."""
_LEAST: Final = 40
"""Fewer scores say nothing."""
_EVERY: Final = 20
"""Questions from one comparison to the next."""
_CALL: Final = 0.001
"""p-value below which a drift is called."""
_CALL_OFF: Final = 0.05
"""p-value above which it is called off."""


class DriftWatch:
    """Takes the scores of questions one by one.

    Args:
        reference: scores of the calibration, `[questions]`.
        recent: the latest scores before this one's time, oldest first.
        seen: how many there ever were.
        drifted: the last verdict on them.

    Raises:
        ConfigError: SciPy, which has the test, is not installed.
    """

    def __init__(
        self, reference: NDArray[np.float64], *, recent: Sequence[float] = (), seen: int = 0, drifted: bool = False
    ) -> None:
        _require_scipy()
        self._reference = reference
        self._recent = deque(recent, maxlen=WINDOW)
        self.seen = seen
        self.drifted = drifted

    def observe(self, score: float) -> None:
        """Take in the score of one more question, and judge again where it is time to."""
        self._recent.append(score)
        self.seen += 1
        if self.seen % _EVERY == 0 and len(self._recent) >= _LEAST:
            self._judge()

    def _judge(self) -> None:
        from scipy.stats import ks_2samp  # takes a second to load, hence not for every question

        p_value = ks_2samp(self._recent, self._reference, method="asymp").pvalue
        self.drifted = bool(p_value <= _CALL_OFF if self.drifted else p_value < _CALL)


def _require_scipy() -> None:
    from importlib.util import find_spec

    if find_spec("scipy") is None:
        raise ConfigError(
            "a promise is kept only while somebody watches for drift, and SciPy, which does, is not installed",
            remedy="pip install 'edgewise[promise]', or remove `routing.promise`",
        )
