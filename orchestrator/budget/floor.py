"""The battery's floor: below it, while nothing feeds the device, hardly anything is spent or nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orchestrator.errors import ConfigError

ESSENTIAL_TOKENS: Final = 64
"""Two or three sentences. An answer that has a form keeps its length: cut short, it would be none."""


class Below(StrEnum):
    """What happens below the floor."""

    ESSENTIAL = "essential"
    """The route that takes the fewest joules of the battery answers, in few words."""
    NOTHING = "nothing"
    """Questions are refused until the device is plugged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerState:
    """What feeds this device at the moment, as far as it has a battery."""

    charge: float
    """0 to 1, of what its batteries hold when full."""
    plugged_in: bool
    """Whether power comes from outside. False where the batteries are being drained."""


@dataclass(frozen=True, slots=True)
class BatteryFloor:
    """A floor at `charge`, 0 to 1; 0 is none.

    Unlike a window it is looked at when a question is decided: what has begun above it is brought to its end.

    Raises:
        ConfigError: a charge that is no share.
    """

    charge: float = 0.0
    below: Below = Below.ESSENTIAL

    def __post_init__(self) -> None:
        if not 0 <= self.charge <= 1:
            raise ConfigError(
                f"the battery's floor is a share of 0 to 1, not {self.charge}", remedy="write 20 % as 0.2"
            )

    def holds(self, power: PowerState | None) -> bool:
        """Whether the device is below it. One without a battery, or that is plugged in, never is."""
        return power is not None and not power.plugged_in and power.charge < self.charge


NO_FLOOR: Final = BatteryFloor()
