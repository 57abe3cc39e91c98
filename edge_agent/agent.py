"""The agent that an app embeds: a small model, the user's records, a ledger, and a way to the cloud."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

from edge_agent.answers import AnswerStream, AsyncReply, BlockingAnswer, Question, Reply, Wishes
from edge_agent.assembly import Parts, assemble
from edge_agent.config import Config
from edge_agent.context.forgetting import Forgotten
from edge_agent.context.inheriting import Relabelled
from edge_agent.context.items import Item
from edge_agent.context.selection import Which
from edge_agent.conversation import AsyncConversation, AsyncConversations, Conversation, Conversations
from edge_agent.egress.consent import AskForConsent
from edge_agent.egress.forgetting import forget_sent
from edge_agent.slm.progress import Progress, Quiet
from orchestrator.blocking import EventLoopThread
from orchestrator.budget import WindowState
from orchestrator.errors import InvalidRequest
from orchestrator.preview import Preview, preview
from orchestrator.privacy.rules import Action
from orchestrator.types import Answer, Effort, Message, Piece, Record, Request, RoutePreference, Sampling, Sensitivity


class AsyncAgent:
    """An agent on an event loop. Open one with `AsyncAgent.open`; it is safe to ask from many tasks at once."""

    def __init__(self, parts: Parts, resources: AsyncExitStack) -> None:
        self.parts = parts
        """The pieces the agent is made of, for those who look inside."""
        self._resources = resources

    @classmethod
    async def open(
        cls,
        config: Config | Path | str | None = None,
        *,
        progress: Progress | None = None,
        consent: AskForConsent | None = None,
    ) -> Self:
        """Open the stores and load the model. A model that is not on this device yet is pulled first.

        Args:
            config: a configuration or the path of one; without it `agent.yaml` in the home folder, or the defaults.
            progress: is told of a pull.
            consent: asks the user, where a rule says `ask`, whether something may leave: a function, which may block,
                or a coroutine function. Without it the answer is no, unless another was remembered: docs/privacy.md.

        Raises:
            ConfigError, ModelError, StoreError: naming what is wrong and what to do.
        """
        chosen = config if isinstance(config, Config) else Config.load(config)
        async with AsyncExitStack() as resources:
            parts = await assemble(chosen, resources, progress or Quiet(), consent=consent)
            return cls(parts, resources.pop_all())

    @property
    def config(self) -> Config:
        """What this agent was opened with."""
        return self.parts.config

    def stream(self, question: Question, **wishes: Unpack[Wishes]) -> AnswerStream:
        """Answer `question` piece by piece.

        Raises:
            InvalidRequest: the route is unknown. All other errors come from the stream.
        """
        return AnswerStream(self.run(self.request(question, **wishes)))

    def request(self, question: Question, **wishes: Unpack[Wishes]) -> Request:
        """The whole `Request` for a question, completed from the configuration.

        Raises:
            InvalidRequest: an option, the route or the effort is unknown.
        """
        if unknown := wishes.keys() - Wishes.__annotations__.keys():
            raise InvalidRequest(
                f"there is no option {min(unknown)!r}", remedy=f"options are {', '.join(Wishes.__annotations__)}"
            )
        messages = (Message("user", question),) if isinstance(question, str) else tuple(question)
        return Request(
            id=wishes.get("request_id") or uuid.uuid4().hex,
            messages=messages,
            budget=wishes.get("budget") or self.config.default_budget,
            sampling=self._sampling(wishes),
            route=_known(RoutePreference, wishes.get("route") or self.config.route, "route"),
            effort=_known(Effort, wished, "effort") if (wished := wishes.get("effort")) else None,
            local_only=wishes.get("local_only", False) or self.config.local_only,
        )

    def _sampling(self, wishes: Wishes) -> Sampling:
        sampling = wishes.get("sampling") or self.config.answer.sampling
        form = wishes.get("format")
        return sampling if form is None else replace(sampling, format=form)

    async def run(self, request: Request) -> AsyncGenerator[Piece | AsyncReply, None]:
        """Answer a whole `Request`: its pieces, then its answer. The configuration's lock still holds."""
        request = replace(request, local_only=request.local_only or self.config.local_only)
        async with aclosing(self.parts.engine.run(request)) as events:
            async for event in events:
                yield AsyncReply.of(event, self._tell) if isinstance(event, Answer) else event

    async def ask(self, question: Question, **wishes: Unpack[Wishes]) -> AsyncReply:
        """Answer `question` at once.

        Raises:
            EdgewiseError: the one typed error that the request ended in.
        """
        return await self.answer(self.request(question, **wishes))

    async def answer(self, request: Request) -> AsyncReply:
        """Answer a whole `Request` at once.

        Raises:
            EdgewiseError: the one typed error that the request ended in.
        """
        return await AnswerStream(self.run(request)).whole()

    async def preview(self, question: Question, **wishes: Unpack[Wishes]) -> Preview:
        """What would leave for `question`, word for word, and why; while nothing does, and no socket is opened.

        The cloud is taken to be up, on the terms of the last contact.

        Raises:
            InvalidRequest: an option, the route or the effort is unknown.
        """
        destination = self.config.cloud.destination
        terms = await asyncio.to_thread(self.parts.journal.last_terms)
        request = self.request(question, **wishes)
        shown = await preview(self.parts.planner, request, destination=destination, terms=terms)
        if shown.outbound is None or shown.outbound.action is not Action.ASK:
            return shown
        return replace(shown, agreed=self.parts.egress.consents.of(shown.outbound.label, destination))

    async def feedback(self, decision_id: str, *, good: bool) -> None:
        """Say whether an answer was good, by the id in its receipt; what is said later replaces it.

        Raises:
            InvalidRequest: the request came to no answer.
            RecordNotFound: there is no such decision; names the nearest ids.
            StoreError: it could not be kept.
        """
        await asyncio.to_thread(self.parts.teacher.rate, decision_id, good=good)

    async def _tell(self, decision_id: str, good: bool) -> None:
        await self.feedback(decision_id, good=good)

    def conversation(self, known_as: str | None = None, *, remember: bool | None = None) -> AsyncConversation:
        """A conversation: each question is answered with what was said before it.

        Args:
            known_as: the id or the name of one to take up again; if there is none, this will be its name. Without it,
                a new one begins.
            remember: keep its turns in the context store; by default what `conversations.remember` says.

        Raises:
            StoreError: the store cannot be read.
        """
        return AsyncConversation(
            self, known_as, remember=self.config.conversations.remember if remember is None else remember
        )

    @property
    def conversations(self) -> AsyncConversations:
        """Those that are kept in the context store."""
        return AsyncConversations(self)

    async def remember(
        self, text: str, *, sensitivity: Sensitivity | str | None = None, kind: str = "note", title: str = ""
    ) -> int:
        """Add a record; its id. Without a `sensitivity` the rules for labels give it one.

        Raises:
            InvalidRequest: the label is unknown.
            StoreError: it could not be kept.
        """
        chosen = _label(sensitivity)
        record = Record(kind=kind, title=title, body=text, source="user")
        return self.parts.context.add(Item(record, marked=False, chosen=chosen))

    async def label(
        self, sensitivity: Sensitivity | str | None, *, ids: Iterable[int] = (), source: str = "", person: str = ""
    ) -> Relabelled:
        """Choose the label of records, or of all that comes from a source or that a person takes part in; how many.

        It stands against every rule, also at later imports, and holds from the next question on. What the model keeps
        of prompts that may have held a record which is more private now is dropped.

        Args:
            sensitivity: the label; None leaves it to the rules again.
            ids: of records.
            source: a file, a folder, or another source as records name it; with what comes from there later.
            person: a name; with what they take part in later.

        Raises:
            InvalidRequest: the label is unknown, or not exactly one of the three is given.
            RecordNotFound: there is no record with one of the ids.
            StoreError: the store cannot be written.
        """
        outcome = self.parts.context.labels.choose(_label(sensitivity), ids=ids, source=source, person=person)
        if outcome.raised:
            await self.parts.local.forget()
        return outcome

    async def to_forget(self, *record_ids: int, **which: Unpack[Which]) -> Sequence[Record]:
        """The records that `forget` of the same would remove, the newest first.

        Raises:
            InvalidRequest, RecordNotFound, StoreError: as `forget`.
        """
        return self.parts.context.to_forget(*record_ids, **which)

    async def forget(self, *record_ids: int, **which: Unpack[Which]) -> Forgotten:
        """Remove records from the store's files, and what was made of them: answers, what the model keeps, and what the
        egress log has of messages that they were in.

        Args:
            record_ids: which ones; without any, all for which `which` holds.
            which: what they have in common: `source`, `person`, `since`, `until`, `query`, `kind`, `sensitivity`.

        Raises:
            InvalidRequest: nothing is named, or something of `which` selects by nothing.
            RecordNotFound: no record has one of the ids; nothing was removed.
            StoreError: the store cannot be written; nothing was removed.
        """
        going = self.parts.context.to_forget(*record_ids, **which)
        forget_sent(self.parts.egress, going)
        forgotten = self.parts.context.forget(*record_ids, **which)
        await self.parts.local.forget()
        return forgotten

    async def forget_all(self) -> Forgotten:
        """Remove every record, what the model keeps of earlier prompts, and the words of all that ever left.

        Raises:
            StoreError: the store cannot be written; nothing was removed.
        """
        self.parts.egress.forget_all()
        forgotten = self.parts.context.forget_all()
        await self.parts.local.forget()
        return forgotten

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


class Agent:
    """An agent for code without an event loop: `AsyncAgent` behind blocking calls. Safe to use from many threads."""

    def __init__(self, agent: AsyncAgent, loop: EventLoopThread) -> None:
        self._agent = agent
        self._loop = loop

    @classmethod
    def open(
        cls,
        config: Config | Path | str | None = None,
        *,
        progress: Progress | None = None,
        consent: AskForConsent | None = None,
    ) -> Self:
        """Open the stores and load the model; see `AsyncAgent.open`. `consent` is called in another thread."""
        loop = EventLoopThread("edgewise-agent")
        try:
            return cls(loop.run(lambda: AsyncAgent.open(config, progress=progress, consent=consent)), loop)
        except BaseException:
            loop.close()
            raise

    @property
    def config(self) -> Config:
        """What this agent was opened with."""
        return self._agent.config

    def stream(self, question: Question, **wishes: Unpack[Wishes]) -> BlockingAnswer:
        """Answer `question` piece by piece; see `AsyncAgent.stream`."""
        request = self._agent.request(question, **wishes)
        return BlockingAnswer(self._loop.iterate(lambda: self._agent.run(request)), self._tell)

    def ask(self, question: Question, **wishes: Unpack[Wishes]) -> Reply:
        """Answer `question` at once; see `AsyncAgent.ask`."""
        request = self._agent.request(question, **wishes)
        return Reply.of(self._loop.run(lambda: self._agent.answer(request)), self._tell)

    def preview(self, question: Question, **wishes: Unpack[Wishes]) -> Preview:
        """What would leave for `question`, word for word, while nothing does; see `AsyncAgent.preview`."""
        return self._loop.run(lambda: self._agent.preview(question, **wishes))

    def feedback(self, decision_id: str, *, good: bool) -> None:
        """Say whether an answer was good, by the id in its receipt; see `AsyncAgent.feedback`."""
        self._loop.run(lambda: self._agent.feedback(decision_id, good=good))

    def _tell(self, decision_id: str, good: bool) -> None:
        self.feedback(decision_id, good=good)

    def conversation(self, known_as: str | None = None, *, remember: bool | None = None) -> Conversation:
        """A conversation, new or taken up again; see `AsyncAgent.conversation`."""
        return Conversation(self._agent.conversation(known_as, remember=remember), self._loop, self._tell)

    @property
    def conversations(self) -> Conversations:
        """Those that are kept in the context store."""
        return Conversations(self._agent.conversations, self._loop)

    def remember(
        self, text: str, *, sensitivity: Sensitivity | str | None = None, kind: str = "note", title: str = ""
    ) -> int:
        """Add a record; its id. See `AsyncAgent.remember`."""
        return self._loop.run(lambda: self._agent.remember(text, sensitivity=sensitivity, kind=kind, title=title))

    def label(
        self, sensitivity: Sensitivity | str | None, *, ids: Iterable[int] = (), source: str = "", person: str = ""
    ) -> Relabelled:
        """Choose the label of records, of a source or of a person. See `AsyncAgent.label`."""
        return self._loop.run(lambda: self._agent.label(sensitivity, ids=ids, source=source, person=person))

    def to_forget(self, *record_ids: int, **which: Unpack[Which]) -> Sequence[Record]:
        """The records that `forget` of the same would remove. See `AsyncAgent.to_forget`."""
        return self._loop.run(lambda: self._agent.to_forget(*record_ids, **which))

    def forget(self, *record_ids: int, **which: Unpack[Which]) -> Forgotten:
        """Remove records, also from what the model keeps. See `AsyncAgent.forget`."""
        return self._loop.run(lambda: self._agent.forget(*record_ids, **which))

    def forget_all(self) -> Forgotten:
        """Remove every record, also from what the model keeps. See `AsyncAgent.forget_all`."""
        return self._loop.run(self._agent.forget_all)

    def windows(self) -> list[WindowState]:
        """What was spent, is reserved and is left, for each budget window."""
        return self._loop.run(self._agent.windows)

    def close(self) -> None:
        """Close the connection and the stores. A second call does nothing."""
        if not self._loop.closed:
            self._loop.run(self._agent.aclose)
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _label(sensitivity: Sensitivity | str | None) -> Sensitivity | None:
    return None if sensitivity is None else _known(Sensitivity, sensitivity, "sensitivity")


_E = TypeVar("_E", bound=StrEnum)


def _known(kind: type[_E], name: str, what: str) -> _E:
    try:
        return kind(name)
    except ValueError:
        raise InvalidRequest(f"there is no {what} {name!r}", remedy=f"known are {', '.join(kind)}") from None
