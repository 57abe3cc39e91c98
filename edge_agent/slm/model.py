"""The language model on this device."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from collections.abc import Sequence as Several
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from edge_agent.slm.chat_template import ChatTemplate
from edge_agent.slm.cores import usable_cores
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.feed import Feed
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.guidance.constraint import Constraint
from edge_agent.slm.identity import identity_of
from edge_agent.slm.job import Job
from edge_agent.slm.prefixes import PrefixRoom, PrefixStore
from edge_agent.slm.providers import CPU, Provider
from edge_agent.slm.reply import Reply
from edge_agent.slm.rounding import Rounding
from edge_agent.slm.sampling import Sampler
from edge_agent.slm.scheduler import Scheduler
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from edge_agent.slm.speculation.opening import open_draft
from edge_agent.slm.speculation.speculator import Speculator
from edge_agent.slm.system_prompt import SystemPrompt, system_prompt
from edge_agent.slm.text_stream import TextStream
from edge_agent.slm.tokenizer import Tokenizer
from orchestrator.budget.deadline import Deadline
from orchestrator.errors import ContextWindowExceeded
from orchestrator.types import Completed, FinishReason, Message, ModelEvent, Sampling, Started, Usage

if TYPE_CHECKING:
    from edge_agent.slm.guidance.guide import Guide


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered and tokenised prompt, and the beginning of the answer that stands at its end."""

    tokens: list[int]
    system: SystemPrompt | None
    prefix: str
    owed_spaces: int = 0
    """Spaces that end what was shown but not `prefix`: tokens carry theirs in front, so the model writes them."""


class OnnxModel:
    """A decoder-only chat model on ONNX Runtime: a `LocalModel`.

    One thread of its own computes, several answers at once (see `Scheduler`); the event loop stays free. The keys and
    values of earlier prompts are kept: what the next prompt has in common with any of them is not computed again.
    """

    def __init__(
        self,
        name: str,
        *,
        context_tokens: int,
        tokenizer: Tokenizer,
        template: ChatTemplate,
        decoder: Decoder,
        prefixes: PrefixStore,
        speculator: Speculator | None = None,
        end_ids: frozenset[int],
        rolling: bool = False,
    ) -> None:
        """Put a model together from its parts; `open` does so from a folder."""
        self._name = name
        self._context_tokens = context_tokens
        self._tokenizer = tokenizer
        self._template = template
        self._decoder = decoder
        self._speculator = speculator
        self._end_ids = end_ids
        self._rolling = rolling
        self._scheduler = Scheduler(decoder, prefixes, Rounding(decoder), name=f"edgewise-{name}")

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        context_tokens: int | None = None,
        providers: Several[Provider] = CPU,
        prefixes: PrefixRoom | None = None,
        speculation: bool = True,
        draft: Path | None = None,
        batching: bool = False,
        rolling: bool = False,
    ) -> OnnxModel:
        """Load an installed model, or any decoder in the hub's ONNX layout.

        Args:
            folder: `model.onnx`, `tokenizer.json`, `tokenizer_config.json` and `config.json`.
            threads: to compute with; by default, one a physical core that may be used.
            context_tokens: prompt and answer together; by default, and at most, what the model was trained for.
            providers: execution providers, the preferred one first; what none of them runs, the CPU does.
            prefixes: how much may be kept of what was read; by default 128 MB in memory, and nothing on disk.
            speculation: draft tokens ahead, copied from the prompt and the answer, where that changes no token.
            draft: the folder of a smaller model with the same vocabulary, to draft also what cannot be copied.
            batching: one pass goes over all answers that are being written. With most graphs nothing is drafted then,
                and passes round differently (`Rounding`): an answer may be another one with it than without, but is
                always the same with it, and the same alone.
            rolling: an answer may outgrow the window: the model then goes on behind the first tokens and the latest
                ones, and `Usage.dropped_tokens` says how many it no longer saw.

        Raises:
            ModelNotFound: the folder or a file in it is missing.
            ModelCorrupt: a file is damaged.
            ModelUnsupported: the graph is no decoder that we know, or the model cannot chat.
            ConfigError: a provider is not installed or cannot load the graph, or the draft model's vocabulary differs.
        """
        files = ModelFolder(folder).require_language_model()
        tokenizer = Tokenizer.open(files.tokenizer)
        special = files.special_tokens
        window = min(files.context_tokens, context_tokens or files.context_tokens)
        threads = threads or usable_cores()
        session = Session.open(
            files.graph, threads=threads, providers=providers, sizes=files.sizes, remedy=files.remedy
        )
        identity = identity_of(folder, threads=threads, providers=providers)
        decoder = Decoder(session, window=window, weight_bytes=files.weight_bytes, steady=not batching)
        drafting = open_draft(draft, folder, threads=threads, providers=providers) if speculation and draft else None
        return cls(
            files.name,
            context_tokens=window,
            tokenizer=tokenizer,
            template=ChatTemplate(
                files.chat_template,
                variables=special,
                control_tokens=tokenizer.special_tokens,
                now=lambda: datetime.now(UTC).astimezone(),
            ),
            decoder=decoder,
            prefixes=PrefixStore.open(session.signature.cache_layout, prefixes or PrefixRoom(), identity=identity),
            speculator=Speculator(decoder, draft=drafting) if speculation else None,
            end_ids=files.end_ids | tokenizer.ids_of([special.get("eos_token", "")]),
            rolling=rolling,
        )

    @property
    def name(self) -> str:
        """Its catalog name; of a foreign folder, the folder's."""
        return self._name

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together may not exceed this; of a `rolling` model, the prompt."""
        return self._context_tokens

    @property
    def rolling(self) -> bool:
        """Whether an answer may outgrow the window, without the middle of the text then."""
        return self._rolling

    def count_tokens(self, messages: Several[Message], *, prefix: str = "") -> int:
        """Tokens of the rendered prompt, chat template included.

        Raises:
            InvalidRequest: the chat template refuses the conversation.
        """
        return len(self._encode(messages, prefix.rstrip(" ")))

    async def generate(
        self, messages: Several[Message], *, sampling: Sampling, deadline: Deadline, prefix: str = ""
    ) -> AsyncGenerator[ModelEvent, None]:
        """Stream an answer: `Started`, any number of `TextDelta`, one `Completed`.

        Each token comes in a `TextDelta` of its own, the end token too. One without tokens is a part of a long prompt
        that was read, or text that was held back until the end. Past the deadline it ends with
        `FinishReason.DEADLINE`, with what there is. Closing the iterator, or cancelling its task, stops the work
        within 50 ms.

        Args:
            messages: the conversation; the last is the user's.
            sampling: `max_tokens` beyond what is left of the window counts as what is left, unless the model was opened
                as rolling.
            deadline: holds for waiting behind other answers, too.
            prefix: the beginning of the answer, already shown; generation goes on right behind it.

        Raises:
            ContextWindowExceeded: the prompt leaves no room for an answer.
            InvalidRequest: sampling out of range, or a conversation that the chat template refuses.
            InvalidFormat: the answer cannot be held to the form; also in mid-answer, where it turns out too complex.
            InferenceFailed: the runtime failed, or the logits are not numbers.
        """
        sampler = Sampler(sampling)
        prompt = await asyncio.to_thread(self._prompt, messages, prefix)
        room = self._context_tokens - len(prompt.tokens)
        if room < 1:
            raise ContextWindowExceeded(
                f"the prompt is {len(prompt.tokens)} tokens; the window of {self._name} holds {self._context_tokens}",
                remedy="shorten the conversation, or use a model with a longer window",
            )
        constraint = await asyncio.to_thread(self._constraint, sampling, prompt)
        yield Started(self._name)
        if deadline.expired:
            yield Completed(Usage(), FinishReason.DEADLINE)
            return
        drafter = self._speculator.drafter() if self._speculator else None
        sequence = Sequence(prompt.tokens, sampler, drafter=drafter, constraint=constraint)
        max_tokens = sampling.max_tokens if self._rolling else min(sampling.max_tokens, room)
        feed: Feed[ModelEvent] = Feed()
        reply = self._reply(feed, prompt, sequence, sampling.stop, max_tokens)
        job = Job(sequence, reply, system=prompt.system, rolling=self._rolling)
        self._scheduler.submit(job)
        watch = asyncio.create_task(self._expire(job, deadline))
        try:
            async for event in feed.items():
                yield event
        finally:
            watch.cancel()
            self._scheduler.cancel(job)

    async def forget(self) -> None:
        """Drop what is kept of earlier prompts, with the records that were in them, once the answers in progress end.

        Saved system prompts hold no records, and go all the same.
        """
        await asyncio.wrap_future(self._scheduler.forget())

    def forget_soon(self) -> None:
        """Begin to `forget`, from any thread; what is asked from now on finds nothing of earlier prompts."""
        self._scheduler.forget()

    def close(self) -> None:
        """Let go of the thread, after the answers in progress. The model cannot be used afterwards."""
        self._scheduler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prompt(self, messages: Several[Message], prefix: str) -> Prompt:
        bare = prefix.rstrip(" ")
        tokens = self._encode(messages, bare)
        return Prompt(tokens, system_prompt(messages, tokens, self._encode), bare, len(prefix) - len(bare))

    def _encode(self, messages: Several[Message], prefix: str = "") -> list[int]:
        return self._tokenizer.encode(self._template.render(messages, prefix=prefix))

    @cached_property
    def _guide(self) -> Guide:
        from edge_agent.slm.guidance.guide import Guide  # 50 ms, which most answers need not wait for

        return Guide(self._tokenizer, vocabulary=self._decoder.vocabulary, end_ids=self._end_ids)

    def _constraint(self, sampling: Sampling, prompt: Prompt) -> Constraint | None:
        return self._guide.constraint(sampling.format, behind=prompt.prefix) if sampling.format else None

    def _reply(
        self, feed: Feed[ModelEvent], prompt: Prompt, sequence: Sequence, stop: tuple[str, ...], max_tokens: int
    ) -> Reply:
        return Reply(
            feed,
            TextStream(self._tokenizer, stop, behind=prompt.prefix, owed_spaces=prompt.owed_spaces),
            prompt_tokens=len(prompt.tokens),
            max_tokens=max_tokens,
            end_ids=self._end_ids,
            complete=lambda: sequence.written if sequence.complete else None,
        )

    async def _expire(self, job: Job, deadline: Deadline) -> None:
        """At the deadline, end the answer with what there is."""
        if math.isinf(deadline.at_s):
            return
        await deadline.clock.sleep(deadline.remaining_s)
        self._scheduler.cancel(job)
