"""Conversations with the agent: asked turn by turn, kept in the context store, taken up again later."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from edge_agent.answers import AnswerStream, AsyncReply, BlockingAnswer, Reply, Wishes
from edge_agent.context.conversations import Conversation as Entry
from edge_agent.context.conversations import Exchange
from edge_agent.context.forgetting import missing
from edge_agent.context.turns import THREADS
from orchestrator.blocking import EventLoopThread
from orchestrator.errors import InvalidRequest
from orchestrator.types import Answer, Message, Piece, Record, Request, Sensitivity

if TYPE_CHECKING:
    from edge_agent.agent import AsyncAgent


class AsyncConversation:
    """One conversation, on an event loop. `AsyncAgent.conversation` gives it. Questions take turns.

    One that is not remembered lives as long as this object, and nothing of it reaches the store.
    """

    def __init__(self, agent: AsyncAgent, known_as: str | None = None, *, remember: bool = True) -> None:
        """See `AsyncAgent.conversation`."""
        self._agent = agent
        self._store = agent.parts.context
        self._remembered = remember
        self._held: list[Exchange] = []
        self._turn = asyncio.Lock()
        found = self._store.conversations.find(known_as) if known_as and remember else None
        self.id = found.id if found else uuid.uuid4().hex[:8]
        """What it is known as for ever."""
        self.name = found.name if found else known_as or ""
        """As the user gave it, when this was opened; empty if they did not."""

    def stream(self, question: str, *, remember: bool = True, **wishes: Unpack[Wishes]) -> AnswerStream:
        """Answer `question`, which may refer to what was said before, piece by piece.

        Args:
            question: the user's next turn.
            remember: keep the turn. Otherwise it is answered with what was said before, and leaves nothing behind.
            wishes: as of `AsyncAgent.stream`.

        Raises:
            InvalidRequest: an option or the route is unknown. All other errors come from the stream.
        """
        return AnswerStream(self.run(self.request(question, **wishes), remember=remember))

    async def ask(self, question: str, *, remember: bool = True, **wishes: Unpack[Wishes]) -> AsyncReply:
        """Answer `question` at once; see `stream`.

        Raises:
            EdgewiseError: the one typed error that the request ended in; the turn is not kept then.
        """
        return await self.stream(question, remember=remember, **wishes).whole()

    async def messages(self) -> list[Message]:
        """What was said so far, in order, each with the label of what it was made from.

        Raises:
            StoreError: the store cannot be read.
        """
        return [message for exchange in await self._exchanges() for message in exchange.messages]

    async def rename(self, name: str) -> None:
        """Give it a name, also before its first turn.

        Raises:
            InvalidRequest: the name is empty, or another conversation's; or nothing of this one is kept.
            StoreError: the store cannot be written.
        """
        if not self._remembered:
            raise InvalidRequest("nothing of this conversation is kept, not even a name", remedy="begin another")
        await asyncio.to_thread(self._store.conversations.rename, self.id, name)
        self.name = name.strip()

    def request(self, question: str, **wishes: Unpack[Wishes]) -> Request:
        """The `Request` for a question, still without what was said before.

        Raises:
            InvalidRequest: an option or the route is unknown.
        """
        request = self._agent.request(question, **wishes)
        thread = THREADS + self.id if self._remembered else ""
        return replace(request, conversation=thread, history_tokens=self._agent.config.conversations.history_tokens)

    async def run(self, request: Request, *, remember: bool = True) -> AsyncGenerator[Piece | AsyncReply, None]:
        """Answer a `request` behind what was said before, and keep the turn before its `Answer` is given.

        Raises:
            EdgewiseError: the one typed error that the request ended in.
        """
        async with self._turn:
            at = self._agent.parts.clock.now()
            messages = (*await self.messages(), *request.messages)
            whole = replace(request, messages=messages, unkept=not (self._remembered and remember))
            async with aclosing(self._agent.run(whole)) as events:
                async for event in events:
                    if isinstance(event, Answer) and remember and event.text:
                        await asyncio.to_thread(self._keep, whole, event, at)
                    yield event

    async def _exchanges(self) -> Sequence[Exchange]:
        if not self._remembered:
            return await asyncio.to_thread(self._still_held)
        return await asyncio.to_thread(self._store.conversations.exchanges, self.id)

    def _still_held(self) -> Sequence[Exchange]:
        """An exchange goes when a record is forgotten that it was answered from, and is as private as they are now."""
        ids = [record.id for exchange in self._held for record in exchange.records if record.id is not None]
        gone = set(self._store.look(lambda connection: missing(connection, ids)))
        now = self._store.labels.of(ids)
        self._held = [
            replace(exchange, made_from=Sensitivity.highest([exchange.made_from, *_labels(exchange, now)]))
            for exchange in self._held
            if gone.isdisjoint(record.id for record in exchange.records)
        ]
        return self._held

    def _keep(self, request: Request, answer: Answer, at: datetime) -> None:
        """What was asked with local-only stays at home, whoever asks next."""
        home = Sensitivity.PRIVATE if request.local_only else Sensitivity.PUBLIC
        exchange = Exchange(
            question=request.question,
            answer=answer.text,
            at=at,
            made_from=Sensitivity.highest([answer.sensitivity, home]),
            records=tuple(self._store.conversations.told(answer.record_ids, question=request.question, at=at)),
        )
        if self._remembered:
            turns = (message.record_id for message in request.messages if message.record_id is not None)
            self._store.conversations.add(self.id, exchange, prompt=(*answer.record_ids, *turns), name=self.name)
        else:
            self._held.append(exchange)


def _labels(exchange: Exchange, now: Mapping[int, Sensitivity]) -> list[Sensitivity]:
    return [now[record.id] for record in exchange.records if record.id is not None and record.id in now]


class AsyncConversations:
    """The conversations that are kept, on an event loop."""

    def __init__(self, agent: AsyncAgent) -> None:
        """Given by `AsyncAgent.conversations`."""
        self._agent = agent
        self._store = agent.parts.context

    async def list(self) -> Sequence[Entry]:
        """All of them, the one that was spoken in last first.

        Raises:
            StoreError: the store cannot be read.
        """
        return await asyncio.to_thread(self._store.conversations.list)

    async def turns(self, known_as: str) -> Sequence[Record]:
        """Every turn of a conversation, by its id or name.

        Raises:
            RecordNotFound: there is none.
            StoreError: the store cannot be read.
        """
        found = self._store.conversations.get(known_as)
        return await asyncio.to_thread(self._store.conversations.turns, found.id)

    async def rename(self, known_as: str, name: str) -> None:
        """Give a conversation another name.

        Raises:
            InvalidRequest: the name is empty, or another conversation's.
            RecordNotFound: there is no such conversation.
            StoreError: the store cannot be written.
        """
        found = self._store.conversations.get(known_as)
        await asyncio.to_thread(self._store.conversations.rename, found.id, name)

    async def delete(self, known_as: str) -> int:
        """Remove a conversation from the files, and what the model keeps of it; how many turns it had.

        Raises:
            RecordNotFound: there is none.
            StoreError: the store cannot be written.
        """
        ids = await asyncio.to_thread(self._store.conversations.ids, known_as)
        await self._agent.forget(*ids)
        return len(ids)


class Conversation:
    """A conversation, for code without an event loop; see `AsyncConversation`."""

    def __init__(
        self, conversation: AsyncConversation, loop: EventLoopThread, tell: Callable[[str, bool], None]
    ) -> None:
        """Given by `Agent.conversation`."""
        self._conversation = conversation
        self._loop = loop
        self._tell = tell

    @property
    def id(self) -> str:
        """What it is known as for ever."""
        return self._conversation.id

    @property
    def name(self) -> str:
        """As the user gave it, when this was opened; empty if they did not."""
        return self._conversation.name

    def stream(self, question: str, *, remember: bool = True, **wishes: Unpack[Wishes]) -> BlockingAnswer:
        """Answer `question` piece by piece; see `AsyncConversation.stream`."""
        request = self._conversation.request(question, **wishes)
        events = self._loop.iterate(lambda: self._conversation.run(request, remember=remember))
        return BlockingAnswer(events, self._tell)

    def ask(self, question: str, *, remember: bool = True, **wishes: Unpack[Wishes]) -> Reply:
        """Answer `question` at once; see `AsyncConversation.ask`."""
        answer = self._loop.run(lambda: self._conversation.ask(question, remember=remember, **wishes))
        return Reply.of(answer, self._tell)

    def rename(self, name: str) -> None:
        """Give it a name; see `AsyncConversation.rename`."""
        self._loop.run(lambda: self._conversation.rename(name))

    def messages(self) -> list[Message]:
        """What was said so far; see `AsyncConversation.messages`."""
        return self._loop.run(self._conversation.messages)


class Conversations:
    """The conversations that are kept, for code without an event loop; see `AsyncConversations`."""

    def __init__(self, conversations: AsyncConversations, loop: EventLoopThread) -> None:
        """Given by `Agent.conversations`."""
        self._conversations = conversations
        self._loop = loop

    def list(self) -> Sequence[Entry]:
        """All of them, the one that was spoken in last first."""
        return self._loop.run(self._conversations.list)

    def turns(self, known_as: str) -> Sequence[Record]:
        """Every turn of a conversation, by its id or name."""
        return self._loop.run(lambda: self._conversations.turns(known_as))

    def rename(self, known_as: str, name: str) -> None:
        """Give a conversation another name."""
        self._loop.run(lambda: self._conversations.rename(known_as, name))

    def delete(self, known_as: str) -> int:
        """Remove a conversation from the files; how many turns it had."""
        return self._loop.run(lambda: self._conversations.delete(known_as))
