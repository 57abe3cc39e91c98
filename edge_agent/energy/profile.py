"""What the energy model needs to know about a device, in a YAML file."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import ConfigError

Watts = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Joules = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


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
                remedy="name another file, or leave energy.profile out for the shipped one",
            ) from None
        except ValidationError as error:
            fault = error.errors()[0]
            key = ".".join(str(part) for part in fault["loc"]) or "the file"
            raise ConfigError(
                f"the device profile {path}: {key}: {fault['msg'].lower()}",
                remedy=f"its keys are {', '.join(cls.model_fields)}",
            ) from None
