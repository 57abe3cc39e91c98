"""What commands do first: the configuration, changed by the command line, and its lock on the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.config import Config


def settings(
    path: Path | None,
    *,
    local_only: bool = False,
    budget_joules: float | None = None,
    first_token_ms: float | None = None,
    model: str | None = None,
) -> Config:
    """The configuration with what the command line changes. A lock in the file stays locked."""
    from edge_agent.config import Config

    loaded = Config.load(path)
    limits = {"device_joules": budget_joules, "first_token_ms": first_token_ms}
    given = {name: value for name, value in limits.items() if value is not None}
    return loaded.model_copy(
        update={
            "local_only": loaded.local_only or local_only,
            "budget": loaded.budget.model_copy(update=given),
            "model": loaded.model.model_copy(update={"name": model} if model else {}),
        }
    )


def require_network(doing: str, *, remedy: str) -> None:
    """Keep the configuration's lock, for commands that cannot work without the network.

    Args:
        doing: what the command is about to do, as a sentence goes on after "and".
        remedy: how to come by the same without the network; taking the lock away is named in any case.

    Raises:
        ConfigError: `local_only` is set.
    """
    from edge_agent.config import Config
    from orchestrator.errors import ConfigError

    if Config.load().local_only:
        raise ConfigError(
            f"local_only is set, so no socket is opened, and {doing}",
            remedy=f"{remedy}, or set local_only: false in the configuration",
        )
