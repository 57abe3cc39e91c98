"""Callers whose keys come in the environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cloud_gateway.sections.kinds import EnvironmentName
from orchestrator.settings import Section


class KeySection(Section):
    """A caller's API key that comes in an environment variable."""

    name: Annotated[str, Field(pattern=r"^[\w.@-]{1,64}$")]
    """Who it is, for the log."""
    key_env: EnvironmentName
