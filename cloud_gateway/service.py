"""The service: requests become runs, runs become answers with a bill."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from cloud_gateway.config import ModelSection
from cloud_gateway.interceptors import CALLER
from cloud_gateway.runs import Id, Runs
from cloud_gateway.upstream import Upstream
from orchestrator.chat import NANO, Chat, Price
from orchestrator.errors import CloudInternal, ModelNotFound
from orchestrator.types import Completed, ModelEvent, TextDelta
from orchestrator.units import Energy, EnergySource
from orchestrator.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from orchestrator.wire import answers, requests

_log = logging.getLogger(__name__)


class GatewayService(gateway_service_pb2_grpc.GatewayServiceServicer):
    """`orchestrator.v1.GatewayService`. It stands behind `CallInterceptor`, which turns its errors into statuses."""

    def __init__(self, models: Sequence[ModelSection], upstream: Upstream, runs: Runs) -> None:
        """Offer `models`, all of them from `upstream`."""
        self._models = {model.name: (model, model.served) for model in models}
        self._upstream = upstream
        self._runs = runs

    async def Generate(
        self, request: gateway_service_pb2.GenerateRequest, context: Any
    ) -> gateway_service_pb2.GenerateResponse:
        """One answer, whole."""
        request_id, chat = requests.decode(request)
        text, completed = "", None
        async with aclosing(self._events(request_id, chat, self._upstream.complete)) as events:
            async for event in events:
                match event:
                    case TextDelta():
                        text += event.text
                    case Completed():
                        completed = event
        if completed is None:
            raise CloudInternal("the answer has no receipt")
        return answers.encode_answer(chat.model, text, completed)

    async def StreamGenerate(
        self, request: gateway_service_pb2.StreamGenerateRequest, context: Any
    ) -> AsyncIterator[gateway_service_pb2.StreamGenerateResponse]:
        """One answer, as it is written."""
        request_id, chat = requests.decode(request)
        async with aclosing(self._events(request_id, chat, self._upstream.stream)) as events:
            async for event in events:
                yield answers.encode_event(event)

    async def ListModels(
        self, request: gateway_service_pb2.ListModelsRequest, context: Any
    ) -> gateway_service_pb2.ListModelsResponse:
        """The models that can be asked."""
        return answers.encode_models(served for _, served in self._models.values())

    def _events(
        self, request_id: str, chat: Chat, ask: Callable[[Chat, str], AsyncGenerator[ModelEvent, None]]
    ) -> AsyncGenerator[ModelEvent, None]:
        if chat.model not in self._models:
            known = ", ".join(self._models)
            raise ModelNotFound("the gateway has no model of that name", remedy=f"it has: {known}")
        model, served = self._models[chat.model]
        key, upstream_name = (CALLER.get(), request_id), model.upstream_name or model.name
        return self._runs.follow(key, chat, lambda: _billed(key, model, served.price, ask(chat, upstream_name)))


async def _billed(
    key: Id, model: ModelSection, price: Price, answer: AsyncGenerator[ModelEvent, None]
) -> AsyncGenerator[ModelEvent, None]:
    """The events of `answer`, its receipt priced and logged. This runs once for each run: here is what is billed."""
    async with aclosing(answer) as events:
        async for event in events:
            if not isinstance(event, Completed):
                yield event
                continue
            usage = event.usage
            nano_usd = price.cost_nano_usd(usage)
            bill = {
                "caller": key[0],
                "request_id": key[1],
                "model": model.name,
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "estimated": usage.estimated,
                "cost_nano_usd": nano_usd,
            }
            _log.info("billed", extra={"fields": bill})
            joules = (
                usage.prompt_tokens * model.joules_per_prompt_token
                + usage.completion_tokens * model.joules_per_completion_token
            )
            energy = Energy(joules, joules * model.joules_uncertainty_share, EnergySource.MODELLED)
            yield replace(event, usd=nano_usd / NANO, cloud_energy=energy)
