"""The way of a request: a model that the caller may ask, one run for one id, a slot, the model server, one bill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from cloud_gateway import content
from cloud_gateway.admission.admission import Admission
from cloud_gateway.billing import Billing
from cloud_gateway.call import Call, Caller
from cloud_gateway.runs import Runs, Turn
from cloud_gateway.sections.models import ModelSection
from cloud_gateway.telemetry.metrics import Metrics
from cloud_gateway.upstreams.pool import Pool
from orchestrator.chat import Chat, ServedModel
from orchestrator.errors import CloudDenied, ModelNotFound
from orchestrator.tracing import spanning
from orchestrator.types import Completed, ModelEvent, TextDelta

_CHARS_PER_TOKEN: Final = 4
"""Roughly. Whose turn it is need not be known exactly; the bill is."""


class Answering:
    """Makes answers out of requests. It knows nothing of gRPC."""

    def __init__(
        self,
        models: Sequence[ModelSection],
        pool: Pool,
        runs: Runs,
        admission: Admission,
        billing: Billing,
        metrics: Metrics,
        *,
        log_content: bool = False,
    ) -> None:
        """Offer `models`, from the upstreams of `pool`, as many answers at once as `admission` lets in.

        With `log_content` the log has what was asked and answered.
        """
        self._models = {model.name: (model, model.served) for model in models}
        self._pool = pool
        self._runs = runs
        self._admission = admission
        self._under_way = 0
        self._idle = asyncio.Event()
        self._billing = billing
        self._metrics = metrics
        self._log_content = log_content

    def models(self, caller: Caller) -> list[ServedModel]:
        """What `caller` can ask for, in the order of the configuration."""
        return [served for name, (_, served) in self._models.items() if caller.may_ask(name)]

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
            CloudDenied: the caller's key may not ask it, or not for so long an answer.
            CloudRateLimited: a window of the caller's key or tenant has no room.
            InvalidRequest: the id belongs to another chat.
            CloudNotFound: there is no answer to resume.
            CloudError: whatever went wrong behind the gateway.
        """
        model, served = self._permitted(call.caller, chat)

        def write(turn: Turn) -> AsyncGenerator[ModelEvent, None]:
            asked = self._pool.answer(turn.chat(chat), streaming=streaming, span=call.span)
            answer = self._billing.billed(call, request_id, chat, model, served, turn, asked)
            if self._log_content:
                answer = content.noted(call.caller, request_id, chat, answer)
            return self._admitted(call, chat, answer, streaming=streaming)

        return self._runs.follow((call.caller.name, request_id), chat, write, resume_from, call.deadline)

    async def cancel(self, call: Call, request_id: str) -> None:
        """End the caller's answer with this id, if it is under way at any gateway.

        Raises:
            CloudUnavailable: the state that the gateways share cannot be reached.
        """
        await self._runs.cancel((call.caller.name, request_id))

    async def idle(self) -> None:
        """Wait until no answer is under way."""
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()

    def _permitted(self, caller: Caller, chat: Chat) -> tuple[ModelSection, ServedModel]:
        found = self._models.get(chat.model)
        if found is None:
            known = ", ".join(filter(caller.may_ask, self._models))
            raise ModelNotFound("the gateway has no model of that name", remedy=f"it has: {known}")
        if not caller.may_ask(chat.model):
            raise CloudDenied(
                f"the key {caller.name!r} may not ask the model {found[0].name!r}",
                remedy="`models()` lists what it may ask; the gateway's operator can make another key",
            )
        if caller.max_tokens is not None and chat.sampling.max_tokens > caller.max_tokens:
            raise CloudDenied(
                f"the key {caller.name!r} may ask for {caller.max_tokens} tokens at most",
                remedy=f"ask with max_tokens={caller.max_tokens}",
            )
        return found

    async def _admitted(
        self, call: Call, chat: Chat, answer: AsyncGenerator[ModelEvent, None], *, streaming: bool
    ) -> AsyncGenerator[ModelEvent, None]:
        """The events of `answer`, which begins once it has a slot."""
        self._under_way += 1
        try:
            with spanning(call.span.child("admission", {"edgewise.queue.length": self._admission.waiting})):
                slot = await self._admission.enter(
                    call.caller.payer,
                    (chat.model, streaming),
                    prompt_tokens=sum(len(message.text) for message in chat.messages) // _CHARS_PER_TOKEN,
                    max_tokens=chat.sampling.max_tokens,
                    deadline=call.deadline,
                )
            metrics = self._metrics
            metrics.admitted(slot.waited_s)
            silent = streaming  # a whole answer has no first token to be timed
            with slot:
                async with aclosing(answer) as events:
                    async for event in events:
                        if silent and isinstance(event, TextDelta):
                            silent = False
                            slot.first()
                            metrics.first_token(chat.model, slot.waited_s + slot.first_s)
                        elif isinstance(event, Completed):
                            slot.finish(event.usage)
                            metrics.answered(
                                chat.model,
                                streamed_s=slot.total_s - slot.first_s if streaming else None,
                                total_s=slot.total_s,
                                tokens=event.usage.completion_tokens,
                            )
                        yield event
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
