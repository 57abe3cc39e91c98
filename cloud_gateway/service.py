"""The service on the wire: messages in, messages out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from cloud_gateway.accounts.accounts import Accounts
from cloud_gateway.answering import Answering
from cloud_gateway.call import CALL
from orchestrator.errors import CloudInternal
from orchestrator.types import Completed, TextDelta
from orchestrator.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from orchestrator.wire import answers, requests
from orchestrator.wire.usage import encode_usage


class GatewayService(gateway_service_pb2_grpc.GatewayServiceServicer):
    """`orchestrator.v1.GatewayService`. It stands behind `CallInterceptor`, which turns its errors into statuses."""

    def __init__(self, answering: Answering, accounts: Accounts) -> None:
        self._answering = answering
        self._accounts = accounts

    def configure(self, answering: Answering) -> None:
        """Let `answering` answer the calls to come."""
        self._answering = answering

    async def Generate(
        self, request: gateway_service_pb2.GenerateRequest, context: Any
    ) -> gateway_service_pb2.GenerateResponse:
        """One answer, whole."""
        request_id, chat = requests.decode(request)
        text, completed = "", None
        async with aclosing(self._answering.answer(CALL.get(), request_id, chat, streaming=False)) as events:
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
    ) -> AsyncGenerator[gateway_service_pb2.StreamGenerateResponse, None]:
        """One answer, as it is written."""
        request_id, chat = requests.decode(request)
        cursor = requests.decode_cursor(request)
        answer = self._answering.answer(CALL.get(), request_id, chat, streaming=True, resume_from=cursor)
        async with aclosing(answer) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    cursor += len(event.text)
                yield answers.encode_event(event, cursor)

    async def CancelGenerate(
        self, request: gateway_service_pb2.CancelGenerateRequest, context: Any
    ) -> gateway_service_pb2.CancelGenerateResponse:
        """The end of an answer that is not wanted any more."""
        await self._answering.cancel(CALL.get(), request.request_id)
        return gateway_service_pb2.CancelGenerateResponse()

    async def ListModels(
        self, request: gateway_service_pb2.ListModelsRequest, context: Any
    ) -> gateway_service_pb2.ListModelsResponse:
        """The models that the caller can ask."""
        return answers.encode_models(self._answering.models(CALL.get().caller))

    async def GetUsage(
        self, request: gateway_service_pb2.GetUsageRequest, context: Any
    ) -> gateway_service_pb2.GetUsageResponse:
        """What the caller's key and its tenant have used."""
        return encode_usage(await self._accounts.usage(CALL.get().caller))
