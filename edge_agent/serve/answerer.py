"""What the HTTP side needs of an agent: somebody who answers, and what holds where a request says nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final, Protocol

from orchestrator.errors import ModelNotFound
from orchestrator.types import Answer, Budget, Piece, Request, RoutePreference, Sampling

AGENT: Final = "edgewise"
"""The model name that lets the agent choose the route."""


class Answerer(Protocol):
    """Turns a request into an answer: `orchestrator.engine.Engine` and `edge_agent.agent.AsyncAgent` do."""

    def run(self, request: Request) -> AsyncGenerator[Piece | Answer, None]:
        """The answer's pieces, then the `Answer`, last and once. Closing the generator stops the work.

        Raises:
            EdgewiseError: the one typed error that the request ended in.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a request that says nothing gets."""

    local_model: str
    """The catalog name of the model on the device."""
    route: RoutePreference = RoutePreference.AUTO
    local_only: bool = False
    """A lock: no request can lift it."""
    budget: Budget = field(default_factory=Budget)
    sampling: Sampling = field(default_factory=Sampling)
    personal: bool = True
    """Whether answers may draw on the user's records. Then an old turn whose origin is unknown stays at home."""

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names that a request may ask for, the preferred one first. A plain model server is its one model."""
        names = (AGENT, self.local_model)
        return names[1:] if self.route is RoutePreference.LOCAL else names

    def route_for(self, model: str) -> RoutePreference:
        """The route that a model name stands for: the agent's own choice, or the device and nothing else.

        Raises:
            ModelNotFound: it is none of `model_names`.
        """
        if model == AGENT:
            return self.route
        if model == self.local_model:
            return RoutePreference.LOCAL
        raise ModelNotFound(
            f"the model {model!r:.80} is not served here", remedy=f"ask for {' or '.join(self.model_names)}"
        )
