"""What is known of a device, in a YAML file: what its work takes in joules and, once it was calibrated, in time.

A profile may be written by hand (the first five keys); `edgewise profile` writes one with a `calibration`, which also
says for which machine and which model it holds.
"""

from __future__ import annotations

import importlib.resources
import math
import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge_agent.energy.figure import Figure
from orchestrator.errors import ConfigError
from orchestrator.routing.costs import RouteCosts, RunningStatistic, TokenCost
from orchestrator.units import EnergySource

Watts = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Joules = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]

_LEAST_DEVIATION = 0.1
"""As a share. A calibration has the machine for itself, an answer has not."""


class TokenLine(BaseModel):
    """What one token takes behind c others: `first + slope · c`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Figure
    slope: Figure
    spread_share: float = Field(ge=0, allow_inf_nan=False)
    """How far a single run lies from the line: one standard deviation, as a share."""

    def after(self, context: float) -> Figure:
        """Of a token behind `context` others."""
        return Figure(
            self.first.value + self.slope.value * context,
            math.hypot(self.first.uncertainty, self.slope.uncertainty * context),
        )

    def cost(self, uncertainty_share: float = 0.0) -> TokenCost:
        """As the decision starts from it.

        Args:
            uncertainty_share: of a figure that the line rests on, beside the line's own.
        """
        mean = self.first.value
        if not mean:
            return TokenCost(RunningStatistic(0.0, 0.0))
        share = max(_LEAST_DEVIATION, math.hypot(self.spread_share, self.first.uncertainty / mean, uncertainty_share))
        return TokenCost(RunningStatistic(mean, mean * share), self.slope.value / mean)


class Calibration(BaseModel):
    """What was measured on one machine with one model. Times are those at the processor's full clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    taken_at: AwareDatetime
    machine: str
    model: str
    threads: int
    meter: EnergySource
    """What the joules rest on; `modelled`: on published figures."""
    runs: int
    load_ms: Figure
    """From the folder to a model that can answer."""
    start_ms: Figure
    """Before the first token of a prompt is read."""
    prefill_ms: TokenLine
    decode_ms: TokenLine
    prefill_joules: TokenLine
    decode_joules: TokenLine

    @property
    def basis(self) -> str:
        """What its joules rest on, in words."""
        return f"joules measured by {self.meter}" if self.meter != "modelled" else "joules from published figures"

    def local_costs(self, uncertainty_share: float) -> RouteCosts:
        """What the device's route starts from, in place of the constants; `uncertainty_share` is the profile's."""
        usual = RouteCosts.of_device()
        return replace(
            usual,
            overhead_ms=RunningStatistic(usual.overhead_ms.mean + self.start_ms.value, usual.overhead_ms.deviation),
            prefill_ms=self.prefill_ms.cost(),
            decode_ms=self.decode_ms.cost(),
            prefill_joules=self.prefill_joules.cost(uncertainty_share),
            decode_joules=self.decode_joules.cost(uncertainty_share),
        )


class Profile(BaseModel):
    """Energy coefficients of one device. The shipped file `x86_laptop.yaml` names the sources of its figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    core_watts: Watts
    """What one busy core adds above idle, in watts."""
    dram_joules_per_gb: Joules
    """What 10^9 bytes cost on their way from memory, in joules."""
    idle_package_watts: Watts
    """What the processor package takes when nothing runs, in watts."""
    idle_machine_watts: Watts = 6.0
    """What the whole device takes when nothing runs, its display on, in watts."""
    uncertainty_share: Share
    """One standard uncertainty of the figures above, as a share of them."""
    calibration: Calibration | None = None
    """None in a profile that was written by hand."""

    def of_machine(self, machine: str) -> bool:
        """Whether it may be used on `machine`: one by hand may everywhere."""
        return self.calibration is None or self.calibration.machine == machine

    def local_costs(self, *, model: str, threads: int) -> RouteCosts | None:
        """What the device's route starts from; None where this model was not calibrated, or with other threads."""
        known = self.calibration
        if known is None or (known.model, known.threads) != (model, threads):
            return None
        return known.local_costs(self.uncertainty_share)

    def save(self, path: Path) -> None:
        """Write it to `path`, whole or not at all.

        Raises:
            ConfigError: the file cannot be written.
        """
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        beside = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(f"# Written by edgewise profile, which replaces it.\n{text}", encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            raise ConfigError(
                f"the device profile {path} cannot be written: {error.strerror}", remedy="set energy.profile"
            ) from None

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read the profile at `path`; without one, that of a typical x86 laptop.

        Raises:
            ConfigError: the file is missing or broken, or a key is missing, unknown or out of range; names it.
        """
        if path is None:
            shipped = importlib.resources.files("edge_agent.energy") / "x86_laptop.yaml"
            return cls.model_validate(yaml.safe_load(shipped.read_text(encoding="utf-8")))
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(
                f"the device profile {path} cannot be read ({type(error).__name__})",
                remedy="run edgewise profile, which writes one anew, or name another file in energy.profile",
            ) from None
        except ValidationError as error:
            fault = error.errors()[0]
            key = ".".join(str(part) for part in fault["loc"]) or "the file"
            raise ConfigError(
                f"the device profile {path}: {key}: {fault['msg'].lower()}",
                remedy=f"its keys are {', '.join(cls.model_fields)}",
            ) from None


def this_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor, its architecture and how many cores it shows: what a calibration holds for."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{named or platform.processor() or 'unknown processor'}, {platform.machine()}, {os.cpu_count()} cores"
