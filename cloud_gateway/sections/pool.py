"""How several model servers are used together."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.settings import Section


class PoolSection(Section):
    """How several model servers are used together."""

    retry_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    """At most so many more requests than were asked, in another try or a hedge; ten a second are always allowed. 0:
    none."""
    hedge: bool = False
    """Ask a second server where the first has shown nothing after the time in which 95 % begin."""
    affinity: bool = True
    """Ask the same server for the next turn of a conversation."""
