"""One answer as it is written, over as many calls as it takes: a connection that is lost is taken up where it broke."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Final, TypeVar

import grpc.aio

from orchestrator.budget.deadline import Deadline
from orchestrator.client.channel import SERVICE
from orchestrator.client.connection import Connection, Limit, stub
from orchestrator.client.replicas import Replica
from orchestrator.errors import (
    CloudError,
    CloudInternal,
    CloudNotFound,
    CloudRejected,
    CloudTimeout,
    CloudTruncated,
    CloudUnavailable,
)
from orchestrator.tracing import Span
from orchestrator.types import Completed, ModelEvent, Started, TextDelta
from orchestrator.v1 import gateway_service_pb2
from orchestrator.wire import answers

T = TypeVar("T")
RESUMES: Final = 8
"""How often in a row a broken stream is taken up without anything new."""
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 5.0
"""Waits double between these two, each drawn from its upper half: eight take between six and twelve seconds, which is
about as long as a gateway keeps an answer that nobody reads (`replay.linger_s`)."""
_FAREWELL_S: Final = 1.0
_METHOD: Final = f"/{SERVICE}/StreamGenerate"


class AnswerStream:
    """The events of one answer, each once, whatever becomes of the connections."""

    def __init__(
        self,
        connection: Connection,
        request: gateway_service_pb2.StreamGenerateRequest,
        *,
        limit: Limit,
        about: object,
        resume_s: float | None,
        span: Span,
    ) -> None:
        """`resume_s` is that of `AsyncGateway`."""
        self._connection = connection
        self._request = request
        self._limit = limit
        self._about = about
        self._resume_ms = None if resume_s is None else resume_s * 1000
        self._resume_by = self._patience()
        """Until when something new has to come, while something is lost."""
        self._span = span
        self._begun = False
        self._shown = 0
        """Code points of text given on."""
        self._place = 0
        """The cursor that the gateway gave to that place; zero where it knows no cursors."""
        self._resumes = 0
        """Since the last event."""
        self._loss: CloudError | None = None
        """What broke the stream, while nothing has come since."""

    async def events(self) -> AsyncGenerator[ModelEvent, None]:
        """See `AsyncGateway.stream`."""
        replicas = deque(self._connection.replicas())
        while True:
            try:
                async with aclosing(self._follow(replicas[0])) as events:
                    async for event in events:
                        self._begun, self._resumes, self._loss = True, 0, None
                        yield event
                return
            except CloudError as error:
                if self._begun:
                    await self._endure(error)
                    if self._resumes > 1:
                        # Where it began it is found surely; others have it where they share their state.
                        replicas.rotate(-1)
                else:
                    replicas.popleft()
                    if not (replicas and isinstance(error, CloudUnavailable) and self._limit.remaining_s > 0):
                        raise

    async def _endure(self, error: CloudError) -> None:
        """Return when the answer is to be taken up again.

        Raises:
            CloudError: it cannot be, or the gateway has said that it failed: asking again would ask the model anew.
        """
        gone = isinstance(error, CloudNotFound | CloudRejected | CloudInternal)
        if self._loss is not None and (gone or self._resume_by.expired):
            # Nobody has it any more, or not in time. What the caller has to know is that it was cut off.
            raise self._loss
        if not error.resumable:
            raise error
        if self._loss is None:
            self._loss, self._resume_by = error, self._patience()
        wait_s = min(FIRST_WAIT_S * 2**self._resumes, LONGEST_WAIT_S) * self._connection.rng.uniform(0.5, 1.0)
        wait_s = max(wait_s, error.retry_after_s or 0.0)
        without_cursor = self._shown > 0 and self._place == 0
        left_s = min(self._resume_by.remaining_s, self._limit.remaining_s)
        if without_cursor or self._resumes == RESUMES or wait_s >= left_s:
            raise self._loss
        self._resumes += 1
        self._span.event("resumed")
        await self._connection.pause(wait_s)

    async def _follow(self, replica: Replica) -> AsyncGenerator[ModelEvent, None]:
        """The events of one call that are new."""
        connection, request = self._connection, self._request
        request.resume_from = self._place
        with connection.unfinished(request.request_id, replica):
            async with connection.calling(replica, _METHOD, request, self._about, new=not self._begun) as calling:
                timeout_s = self._limit.timeout_s()
                metadata = (*connection.metadata, *self._span.headers.items())
                call = stub(replica).StreamGenerate(request, timeout=timeout_s, metadata=metadata)
                try:
                    incoming = aiter(call)
                    message = await self._first(incoming)
                    while message is not None:
                        calling.accepted()
                        event = self._placed(message)
                        if event is not None:
                            yield event
                        if isinstance(event, Completed):
                            await _farewell(incoming)
                            return
                        message = await anext(incoming, None)
                finally:
                    call.cancel()
                raise CloudTruncated(
                    f"gateway {replica.target}: the stream ended without its receipt",
                    remedy="what came is only a part of the answer: ask again with the same request id",
                    resumable=True,
                )

    async def _first(self, incoming: AsyncIterator[T]) -> T | None:
        """The first message of a call; behind a loss it may take no longer than `resume_s` allows.

        Raises:
            CloudTimeout: it did, and the gateway is told that nobody waits any more.
        """
        if self._loss is None or math.isinf(self._resume_by.remaining_s):
            return await anext(incoming, None)
        try:
            async with asyncio.timeout(self._resume_by.remaining_s):
                return await anext(incoming, None)
        except TimeoutError:
            raise CloudTimeout(f"gateway {self._connection.target}: the lost answer did not go on in time") from None

    def _patience(self) -> Deadline:
        return Deadline.after(self._connection.clock, self._resume_ms)

    def _placed(self, message: gateway_service_pb2.StreamGenerateResponse) -> ModelEvent | None:
        """The event in `message`, if it is new.

        Raises:
            CloudInternal: it does not join what came before.
        """
        event = answers.decode_event(message)
        if isinstance(event, Started) and self._begun:
            return None
        if isinstance(event, TextDelta):
            place = self._shown + len(event.text)
            if message.cursor != place and (message.cursor != 0 or self._place != 0):
                raise CloudInternal("the gateway sent text that does not join what came before")
            self._shown, self._place = place, message.cursor
        return event


async def _farewell(incoming: AsyncIterator[object]) -> None:
    """Let a call that has given its receipt end by itself, so that no gateway sees it cancelled. It has a moment."""
    with suppress(grpc.aio.AioRpcError, TimeoutError):
        async with asyncio.timeout(_FAREWELL_S):
            await anext(incoming, None)
