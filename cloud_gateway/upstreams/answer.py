"""What becomes of one answer's parts: its text, where it ends, and what was counted. No network."""

from __future__ import annotations

from typing import Final

from cloud_gateway.upstreams.formats.format import Part, counted
from cloud_gateway.upstreams.stops import Stops
from orchestrator.chat import Chat
from orchestrator.errors import CloudTruncated
from orchestrator.joint import Joint
from orchestrator.types import Completed, FinishReason, ModelEvent, TextDelta, Usage

_BYTES_PER_TOKEN: Final = 4
"""Of English text in a present-day vocabulary; for estimates only."""


class Answer:
    """An answer on its way. What it repeats of the chat's prefix is left out, and a stop string ends it."""

    __slots__ = ("_chat", "_chunked", "_complete", "_joint", "_reason", "_stops", "_usage", "_written")

    def __init__(self, chat: Chat, *, chunked: bool) -> None:
        """Of `chat`; `chunked`: it comes as a stream, of which servers send about one token a chunk."""
        self._chat = chat
        self._joint = Joint(chat.prefix) if chat.prefix else None
        self._stops = Stops(chat.sampling.stop, chat.prefix) if chat.sampling.stop else None
        self._chunked = chunked
        self._written = 0
        """Tokens, as they are estimated where nobody counts."""
        self._complete = False
        self._usage: Usage | None = None
        self._reason: FinishReason | None = None

    @property
    def complete(self) -> bool:
        """Whether the upstream said that nothing more comes. Not every format does."""
        return self._complete

    @property
    def ended(self) -> bool:
        """Whether nothing more is wanted: it is complete, or a stop string ended it."""
        return self._complete or (self._stops is not None and self._stops.hit)

    def take(self, part: Part) -> str:
        """One more part; the text that may be shown now."""
        if part.usage is not None:
            self._usage = counted(self._usage, part.usage)
        if part.finish_reason is not None:
            self._reason = part.finish_reason
        self._complete = part.last
        text = part.text
        if not text:
            return ""
        self._written += 1 if self._chunked else _tokens(text)
        if self._joint is not None:
            text = self._joint.push(text)
        return text if self._stops is None else self._stops.push(text)

    def end(self) -> list[ModelEvent]:
        """When the last part has come: the text that was held back, and the receipt.

        The upstream counts all that it wrote, also what was left out here. Where a stop string ended the answer it was
        not heard to its end, where most of them count, and the figures are estimates.

        Raises:
            CloudTruncated: it ended without a reason.
        """
        text = self._joint.flush() if self._joint is not None else ""
        if self._stops is not None:
            text = self._stops.push(text) + self._stops.flush()
        said: list[ModelEvent] = [TextDelta(text)] if text else []
        if self._stops is not None and self._stops.hit:
            return [*said, Completed(self._estimated(), FinishReason.STOP)]
        if self._reason is None:
            raise CloudTruncated("the upstream ended its answer without a reason", remedy="ask again")
        # No prompt is empty: without a count of it there was none.
        usage = self._usage if self._usage and self._usage.prompt_tokens else self._estimated()
        return [*said, Completed(usage, self._reason)]

    def _estimated(self) -> Usage:
        """What was not counted."""
        read, written = sum(_tokens(message.text) for message in self._chat.messages), self._written
        if self._chat.prefix:
            read += _tokens(self._chat.prefix)
        if self._usage is not None:
            read, written = self._usage.prompt_tokens or read, max(written, self._usage.completion_tokens)
        return Usage(read, written, estimated=True)


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)
