"""The models that callers may ask for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cloud_gateway.sections.kinds import Joules, Usd, Weight
from cloud_gateway.sections.upstreams import UpstreamName
from orchestrator.chat import NANO, Price, ServedModel
from orchestrator.settings import Section
from orchestrator.wire.limits import MAX_MODEL_CHARS


class ServingSection(Section):
    """How one server serves one model. What it leaves open is as its upstream and its model say."""

    upstream_name: str | None = None
    weight: Weight | None = None
    priority: int | None = None


class ModelSection(Section):
    """A model that callers may ask for."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_MODEL_CHARS)]
    upstream_name: str | None = None
    """What the upstream calls it; the same, unless said."""
    upstreams: dict[UpstreamName, ServingSection] = Field(default_factory=dict)
    """The servers that have it; all of them, unless said."""
    context_tokens: int = Field(ge=1, lt=2**31)
    usd_per_million_prompt_tokens: Usd
    usd_per_million_completion_tokens: Usd
    # Orders of magnitude for models of 7 to 70 billion weights on data-centre accelerators: Samsi et al., "From Words
    # to Watts" (2023), measured 3 to 4 J per written token for one of 65 billion. Reading is batched, so far cheaper.
    joules_per_prompt_token: Joules = 0.2
    joules_per_completion_token: Joules = 2.0
    joules_uncertainty_share: Joules = 1.0
    """One standard uncertainty, as a share of the modelled joules."""

    def serving(self, upstream: str) -> ServingSection:
        """How this upstream serves it."""
        return self.upstreams.get(upstream, ServingSection())

    @property
    def served(self) -> ServedModel:
        """As callers see it."""
        price = Price(
            int(self.usd_per_million_prompt_tokens * NANO), int(self.usd_per_million_completion_tokens * NANO)
        )
        return ServedModel(name=self.name, context_tokens=self.context_tokens, price=price)
