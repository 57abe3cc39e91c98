"""The cloud model as the engine sees it: the gRPC SDK behind the `CloudModel` port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from edge_agent.config import CloudSection
from edge_agent.egress.entry import Cause
from orchestrator.budget import Deadline
from orchestrator.client import AsyncGateway, TlsOptions, Witness
from orchestrator.errors import CloudRejected
from orchestrator.privacy.egress import Outbound
from orchestrator.tracing import NO_SPAN, Span
from orchestrator.types import ModelEvent, Sampling, Terms


class GatewayModel:
    """One model behind a gateway. It sends nothing but `Outbound`."""

    def __init__(self, gateway: AsyncGateway, name: str) -> None:
        """`name` is the gateway's name of the model; `default` takes the first one that it lists."""
        self._gateway = gateway
        self._wanted = name
        self._name = name

    @classmethod
    def of(cls, section: CloudSection, witness: Witness) -> GatewayModel | None:
        """The configured one, whose `witness` is told of every call; None without a target. Connects to nothing yet."""
        if not section.targets:
            return None
        gateway = AsyncGateway(
            section.targets,
            api_key=section.api_key,
            tls=TlsOptions(ca_file=section.ca_file) if section.tls else None,
            allow_clear_text=section.allow_clear_text,
            resume_s=section.resume_s,
            witness=witness,
        )
        return cls(gateway, section.model)

    @property
    def name(self) -> str:
        """The model name that is asked for."""
        return self._name

    async def terms(self) -> Terms:
        """Its prices and its window, from the gateway's list of models."""
        models = await self._gateway.models()
        for model in models:
            if self._wanted in (model.name, "default"):
                self._name = model.name
                return model.terms
        known = ", ".join(model.name for model in models) or "none"
        raise CloudRejected(f"the gateway has no model {self._wanted!r}; it lists: {known}", remedy="set cloud.model")

    async def generate(
        self,
        outbound: Outbound,
        *,
        request_id: str,
        decision_id: str,
        sampling: Sampling,
        deadline: Deadline,
        span: Span = NO_SPAN,
    ) -> AsyncIterator[ModelEvent]:
        """Stream an answer; see `CloudModel`."""
        stream = self._gateway.stream(
            outbound,
            model=self._name,
            sampling=sampling,
            deadline=deadline,
            request_id=request_id,
            span=span,
            about=Cause(
                decision_id=decision_id,
                request_id=request_id,
                rule=f"{outbound.label.value}: {outbound.action.value}",
                record_ids=outbound.record_ids,
                redactions={kind.value: count for kind, count in outbound.redactions.items()},
            ),
        )
        async with aclosing(stream) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Close the connection."""
        await self._gateway.aclose()
