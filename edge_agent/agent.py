"""The agent that an app embeds: a small model, the user's records, a ledger, and a way to the cloud."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from edge_agent.assembly import Parts, assemble
from edge_agent.config import Config
from orchestrator.budget import WindowState
from orchestrator.types import (
    Answer,
    Budget,
    Message,
    Piece,
    Record,
    Request,
    RoutePreference,
    Sampling,
    Sensitivity,
)

Question = str | Sequence[Message]
"""A question, or a conversation that ends in one."""


class AnswerStream:
    """Pieces of an answer as they come; `answer` holds the receipt once the last one has come.

    Close it, or leave its `async with`, to stop early: what was used by then is settled.
    """

    def __init__(self, events: AsyncGenerator[Piece | Answer, None]) -> None:
        self._events = events
        self.answer: Answer | None = None

    async def __aiter__(self) -> AsyncIterator[Piece]:
        async for event in self._events:
            if isinstance(event, Answer):
                self.answer = event
            else:
                yield event

    async def aclose(self) -> None:
        """Stop the work."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class AsyncAgent:
    """An agent on an event loop. Open one with `AsyncAgent.open`; it is safe to ask from many tasks at once."""

    def __init__(self, parts: Parts, resources: AsyncExitStack) -> None:
        self.parts = parts
        """The pieces the agent is made of, for those who look inside."""
        self._resources = resources

    @classmethod
    async def open(cls, config: Config | Path | str | None = None) -> Self:
        """Open the stores and load the model.

        Args:
            config: a configuration or the path of one; without it `agent.yaml` in the home folder, or the defaults.

        Raises:
            ConfigError, ModelError, StoreError: naming what is wrong and what to do.
        """
        chosen = config if isinstance(config, Config) else Config.load(config)
        async with AsyncExitStack() as resources:
            parts = await assemble(chosen, resources)
            return cls(parts, resources.pop_all())

    @property
    def config(self) -> Config:
        """What this agent was opened with."""
        return self.parts.config

    def stream(
        self,
        question: Question,
        *,
        budget: Budget | None = None,
        sampling: Sampling | None = None,
        route: RoutePreference | str | None = None,
        local_only: bool = False,
        request_id: str | None = None,
    ) -> AnswerStream:
        """Answer `question` piece by piece. What is not given comes from the configuration.

        A budget that is given replaces the configured one as a whole.
        """
        messages = (Message("user", question),) if isinstance(question, str) else tuple(question)
        request = Request(
            id=request_id or uuid.uuid4().hex,
            messages=messages,
            budget=budget or self.config.default_budget,
            sampling=sampling or Sampling(**self.config.answer.model_dump()),
            route=RoutePreference(route) if route is not None else self.config.route,
            local_only=local_only or self.config.local_only,
        )
        return AnswerStream(self.run(request))

    def run(self, request: Request) -> AsyncGenerator[Piece | Answer, None]:
        """Answer a whole `Request`: its pieces, then its `Answer`. The configuration's lock still holds."""
        return self.parts.engine.run(replace(request, local_only=request.local_only or self.config.local_only))

    async def ask(
        self,
        question: Question,
        *,
        budget: Budget | None = None,
        sampling: Sampling | None = None,
        route: RoutePreference | str | None = None,
        local_only: bool = False,
        request_id: str | None = None,
    ) -> Answer:
        """Answer `question` at once.

        Raises:
            EdgewiseError: the one typed error that the request ended in.
        """
        async with self.stream(
            question, budget=budget, sampling=sampling, route=route, local_only=local_only, request_id=request_id
        ) as stream:
            async for _ in stream:
                pass
            assert stream.answer is not None, "a stream that ends without an error has an answer"
            return stream.answer

    async def remember(
        self, text: str, *, sensitivity: Sensitivity | str = Sensitivity.PERSONAL, kind: str = "note", title: str = ""
    ) -> int:
        """Add a record; its id.

        Raises:
            StoreError: it could not be kept.
        """
        record = Record(kind=kind, title=title, body=text, source="user", sensitivity=Sensitivity(sensitivity))
        return self.parts.context.add(record)

    async def windows(self) -> list[WindowState]:
        """What was spent, is reserved and is left, for each budget window."""
        return self.parts.ledger.state()

    async def aclose(self) -> None:
        """Close the connection and the stores."""
        await self._resources.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
