"""The way of a request through the gateway: known model, one run for one id, a slot, the model server, one
bill."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from cloud_gateway.admission.admission import Admission
from cloud_gateway.call import Call
from cloud_gateway.runs import Id, Runs
from cloud_gateway.sections.models import ModelSection
from cloud_gateway.upstreams.server import UpstreamServer
from orchestrator.chat import NANO, Chat, Price, ServedModel
from orchestrator.errors import ModelNotFound
from orchestrator.types import Completed, ModelEvent, TextDelta
from orchestrator.units import Energy, EnergySource

_CHARS_PER_TOKEN: Final = 4
"""Roughly. Whose turn it is need not be known exactly; the bill is."""
_log = logging.getLogger(__name__)


class Answering:
    """Makes answers out of requests. It knows nothing of gRPC."""

    def __init__(
        self, models: Sequence[ModelSection], upstream: UpstreamServer, runs: Runs, admission: Admission
    ) -> None:
        """Offer `models`, all of them from `upstream`, as many answers at once as `admission` lets in."""
        self._models = {model.name: (model, model.served) for model in models}
        self._upstream = upstream
        self._runs = runs
        self._admission = admission
        self._under_way = 0
        self._idle = asyncio.Event()

    @property
    def models(self) -> list[ServedModel]:
        """What can be asked for, in the order of the configuration."""
        return [served for _, served in self._models.values()]

    def answer(
        self, call: Call, request_id: str, chat: Chat, *, streaming: bool, resume_from: int = 0
    ) -> AsyncGenerator[ModelEvent, None]:
        """The events of an answer: `Started`, any number of `TextDelta`, and `Completed` with what is billed.

        Args:
            call: who asks, and until when they wait.
            request_id: an id that is known is followed, and neither asked nor billed again.
            chat: what is asked.
            streaming: ask the model server for a stream; otherwise the text comes as one piece.
            resume_from: code points of the answer that have arrived already; what follows them comes.

        Raises:
            ModelNotFound: the gateway has no such model.
            InvalidRequest: the id belongs to another chat.
            CloudNotFound: there is no answer to resume.
            CloudError: whatever went wrong behind the gateway.
        """
        if chat.model not in self._models:
            known = ", ".join(self._models)
            raise ModelNotFound("the gateway has no model of that name", remedy=f"it has: {known}")
        model, served = self._models[chat.model]
        key, upstream_name = (call.caller.name, request_id), model.upstream_name or model.name
        ask = self._upstream.stream if streaming else self._upstream.complete

        def run() -> AsyncGenerator[ModelEvent, None]:
            answer = _billed(key, model, served.price, ask(chat, upstream_name))
            return self._admitted(call, chat, answer, streaming=streaming)

        return self._runs.follow(key, chat, run, resume_from)

    def cancel(self, call: Call, request_id: str) -> None:
        """End the caller's answer with this id, if it is under way."""
        self._runs.cancel((call.caller.name, request_id))

    async def idle(self) -> None:
        """Wait until no answer is under way."""
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()

    async def _admitted(
        self, call: Call, chat: Chat, answer: AsyncGenerator[ModelEvent, None], *, streaming: bool
    ) -> AsyncGenerator[ModelEvent, None]:
        """The events of `answer`, which begins once it has a slot."""
        self._under_way += 1
        try:
            slot = await self._admission.enter(
                call.caller.payer,
                (chat.model, streaming),
                prompt_tokens=sum(len(message.text) for message in chat.messages) // _CHARS_PER_TOKEN,
                max_tokens=chat.sampling.max_tokens,
                deadline=call.deadline,
            )
            silent = streaming  # a whole answer has no first token to be timed
            with slot:
                async with aclosing(answer) as events:
                    async for event in events:
                        if silent and isinstance(event, TextDelta):
                            silent = False
                            slot.first()
                        elif isinstance(event, Completed):
                            slot.finish(event.usage)
                        yield event
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()


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
