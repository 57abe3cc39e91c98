"""What a wire format has to tell: where a chat is posted, its bytes, and what comes back, as parts."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from orchestrator.chat import Chat
from orchestrator.errors import CloudInternal
from orchestrator.types import FinishReason, Usage

_POSSIBLE: Final = range(2**31)


class Fault(msgspec.Struct):
    """An error that the upstream reports in its body. Its message is not read: it may quote the request."""

    code: str | int | None = None
    type: str | None = None
    param: str | None = None
    http_status: int | None = None
    """What it counts as, where that is not the status of its response: an error within a stream has none."""
    retry_after_s: float | None = None
    """How long to wait, where its body says so."""


class Part(msgspec.Struct, frozen=True):
    """What an event of a stream, or a whole answer, brought."""

    text: str = ""
    finish_reason: FinishReason | None = None
    filtered: bool = False
    """The upstream's content filter ended the answer."""
    usage: Usage | None = None
    """Counted so far. A format may count the prompt first and the answer later: `counted` joins them."""
    fault: Fault | None = None
    last: bool = False
    """Nothing comes behind this event. A format without such an event ends with the connection."""


class Format(Protocol):
    """One of the formats. It has no state: one instance serves all answers of a server at once."""

    @property
    def probe_path(self) -> str:
        """What a server that is there and takes the key answers to a GET, relative to its base URL."""
        ...

    def path(self, model: str, *, stream: bool) -> str:
        """Where a chat is posted, relative to the base URL, which ends in a slash; with its query, if it has one."""
        ...

    def headers(self, key: str | None) -> dict[str, str]:
        """Of every request, with the server's key, where it has one."""
        ...

    def body(self, chat: Chat, model: str, *, stream: bool) -> bytes:
        """The JSON to post. `model` is the upstream's name for `chat.model`.

        Where the chat has a prefix, the model is made to go on from it, or asked to, as `continuing` says.
        """
        ...

    def read(self, data: bytes | str) -> Part:
        """A whole answer.

        Raises:
            CloudInternal: it is not in this format. Nothing of it is quoted.
        """
        ...

    def read_event(self, data: bytes | str) -> Part:
        """The data of one server-sent event; no format needs the event's name. Errors are those of `read`."""
        ...

    def read_fault(self, data: bytes) -> Fault:
        """What an error response says of itself; nothing where it is in another format."""
        ...


def usage(prompt_tokens: int, completion_tokens: int) -> Usage:
    """What an upstream counted.

    Raises:
        CloudInternal: it cannot be.
    """
    if prompt_tokens not in _POSSIBLE or completion_tokens not in _POSSIBLE:
        raise CloudInternal("the upstream counted an impossible number of tokens")
    return Usage(prompt_tokens, completion_tokens)


def counted(before: Usage | None, now: Usage | None) -> Usage | None:
    """What two events of one answer counted together. Counts only grow, so the larger is the later."""
    if before is None or now is None:
        return before or now
    return Usage(max(before.prompt_tokens, now.prompt_tokens), max(before.completion_tokens, now.completion_tokens))
