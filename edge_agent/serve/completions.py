"""POST /v1/chat/completions."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from itertools import chain

import msgspec
from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from edge_agent.serve.answerer import Answerer, Defaults
from edge_agent.serve.chat_request import Asked, read_chat
from edge_agent.serve.choices import together
from edge_agent.serve.connection import read_within_bounds, while_connected
from edge_agent.serve.content import Content
from edge_agent.serve.errors import CLOSING, InvalidField, closing_body, error_body, plain_error
from edge_agent.serve.labels import Labels
from edge_agent.serve.replies import Reply
from edge_agent.serve.room import Room
from orchestrator.errors import Cancelled, EdgewiseError, InvalidFormat
from orchestrator.ports import Clock
from orchestrator.types import Answer, Piece, Sensitivity

Events = AsyncGenerator[tuple[int, Piece | Answer], None]


class ChatCompletions:
    """The endpoint, as an ASGI app: the answer's generator lives and ends within one call."""

    def __init__(self, answerer: Answerer, defaults: Defaults, *, room: Room, clock: Clock) -> None:
        self._answerer = answerer
        self._defaults = defaults
        self._labels = Labels(stranger=Sensitivity.PRIVATE if defaults.personal else Sensitivity.PUBLIC)
        self._room = room
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. A client that goes away stops the work at once and gets no response."""
        try:
            asked = read_chat(await read_within_bounds(Request(scope, receive)), self._defaults, self._labels)
            line = _Line(send)
            with self._room.seat() as seat:
                await self._answer(asked, scope, receive, line)
            if seat.cancelled_caught:
                await line.say_goodbye(scope, receive)
        except Cancelled:
            return

    async def _answer(self, asked: Asked, scope: Scope, receive: Receive, line: _Line) -> None:
        reply = Reply(asked.requests[0].id, asked.model, int(self._clock.now().timestamp()))
        async with aclosing(self._events(asked)) as events:
            # The first piece decides: an error before it has a status of its own, one behind it cannot.
            begin = self._open_stream if asked.stream else self._answer_whole
            response = await while_connected(receive, begin(asked, reply, events))
            await response(scope, receive, line.send)

    async def _events(self, asked: Asked) -> Events:
        """What all choices bring, each with its index.

        Raises:
            InvalidField: the answer cannot be held to its form; names the field that asked for it.
        """
        runs = [self._answerer.run(request) for request in asked.requests]
        try:
            async with aclosing(together(runs)) as events:
                async for event in events:
                    yield event
        except InvalidFormat as error:
            raise InvalidField(asked.form.field, error.message, remedy=error.remedy) from None

    async def _answer_whole(self, asked: Asked, reply: Reply, events: Events) -> Response:
        answers = {index: event async for index, event in events if isinstance(event, Answer)}
        contents = _contents(asked)
        for index, content in enumerate(contents):
            for _ in chain(content.push(answers[index].text), content.flush()):
                pass
            self._remember(asked, answers[index], content)
        body = reply.completion([answers[index] for index in range(len(contents))], contents)
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def _open_stream(self, asked: Asked, reply: Reply, events: Events) -> Response:
        first = await anext(events)
        return EventSourceResponse(
            self._chunks(asked, reply, first, events),
            sep="\n",
            shutdown_grace_period=math.inf,  # the room is cleared when the server ends
        )

    async def _chunks(
        self, asked: Asked, reply: Reply, first: tuple[int, Piece | Answer], events: Events
    ) -> AsyncIterator[dict[str, str]]:
        """Server-sent events. A fault after the first piece comes as a last event, and then no `[DONE]`."""
        contents = _contents(asked)
        for index, content in enumerate(contents):
            yield _event(reply.first(index, content))
        answers: list[Answer] = []
        found: tuple[int, Piece | Answer] | None = first
        try:
            while found is not None:
                index, event = found
                content = contents[index]
                for delta in content.push(event.text) if isinstance(event, Piece) else content.flush():
                    yield _event(reply.part(index, delta))
                if isinstance(event, Answer):
                    answers.append(event)
                    self._remember(asked, event, content)
                    yield _event(reply.last(index, event, content))
                found = await anext(events, None)
        except EdgewiseError as error:
            yield _event(error_body(error))
            return
        if asked.include_usage:
            yield _event(reply.usage(answers))
        yield {"data": "[DONE]"}

    def _remember(self, asked: Asked, answer: Answer, content: Content) -> None:
        """The client will send this turn back as bare text: keep its label."""
        request = asked.requests[0]
        self._labels.remember(request.question, answer.sensitivity, is_answer=False)
        self._labels.remember(request.prefix + content.written, answer.sensitivity)


def _contents(asked: Asked) -> list[Content]:
    return [Content(request.id, calls=asked.form.calls) for request in asked.requests]


class _Line:
    """The way back to the client, which can be ended properly at any point."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        self._begun = True
        await self._send(message)

    async def say_goodbye(self, scope: Scope, receive: Receive) -> None:
        """The server ends: say so in whatever was begun."""
        if self._begun:
            body = f"data: {msgspec.json.encode(closing_body()).decode()}\n\n".encode()
            await self._send({"type": "http.response.body", "body": body, "more_body": False})
        else:
            await plain_error(503, CLOSING)(scope, receive, self._send)


def _event(value: object) -> dict[str, str]:
    return {"data": msgspec.json.encode(value).decode()}
