"""What becomes of one answer's parts: its text, where it ends, and what was counted. No network."""

from __future__ import annotations

from typing import Final

from cloud_gateway.upstreams.formats.format import Part, counted
from cloud_gateway.upstreams.stops import Stops
from orchestrator.chat import Chat
from orchestrator.errors import CloudTruncated
from orchestrator.joint import Joint
from orchestrator.types import Completed, FinishReason, Usage

_BYTES_PER_TOKEN: Final = 4
"""Of English text in a present-day vocabulary; for estimates only."""


class Answer:
    """An answer on its way. What it repeats of the chat's prefix is left out, and a stop string ends it."""

    __slots__ = ("_chat", "_chunks", "_joint", "_reason", "_stops", "_usage", "_written_bytes")

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._joint = Joint(chat.prefix) if chat.prefix else None
        self._stops = Stops(chat.sampling.stop, chat.prefix) if chat.sampling.stop else None
        self._chunks = 0
        self._written_bytes = 0
        self._usage: Usage | None = None
        self._reason: FinishReason | None = None

    @property
    def stopped(self) -> bool:
        """Whether a stop string ended it: what comes from now on is not wanted."""
        return self._stops is not None and self._stops.hit

    def take(self, part: Part) -> str:
        """One more part; the text that may be shown now."""
        if part.usage is not None:
            self._usage = counted(self._usage, part.usage)
        if part.finish_reason is not None:
            self._reason = part.finish_reason
        text = part.text
        if not text:
            return ""
        self._chunks += 1
        self._written_bytes += len(text.encode())
        if self._joint is not None:
            text = self._joint.push(text)
        return text if self._stops is None else self._stops.push(text)

    def rest(self) -> str:
        """What was held back when the last part had come."""
        text = self._joint.flush() if self._joint is not None else ""
        return text if self._stops is None else self._stops.push(text) + self._stops.flush()

    def completed(self, *, chunked: bool) -> Completed:
        """Its end, with what the upstream counted: all that it wrote, also what was left out here.

        Args:
            chunked: it came as a stream, of which servers send about one token a chunk.

        Raises:
            CloudTruncated: it ended without a reason.
        """
        if self.stopped:
            # The upstream was not heard to the end, where most of them count.
            return Completed(self._estimated(chunked), FinishReason.STOP)
        if self._reason is None:
            raise CloudTruncated("the upstream ended its answer without a reason", remedy="ask again")
        return Completed(self._usage or self._estimated(chunked), self._reason)

    def _estimated(self, chunked: bool) -> Usage:
        """What was not counted: a chunk is about one token, and a token of a whole text has about four bytes."""
        asked = [message.text for message in self._chat.messages] + [self._chat.prefix]
        read = _tokens(sum(len(text.encode()) for text in asked))
        written = self._chunks if chunked else _tokens(self._written_bytes)
        if self._usage is not None:
            read, written = self._usage.prompt_tokens or read, max(written, self._usage.completion_tokens)
        return Usage(read, written, estimated=True)


def _tokens(size_bytes: int) -> int:
    return -(-size_bytes // _BYTES_PER_TOKEN)
