"""What an answer says and calls, collected piece by piece, as OpenAI's deltas and as a whole message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from edge_agent.slm.tools.reader import Arguments, CallBegun, Event, Said, ToolCallReader
from edge_agent.slm.tools.syntax import written
from orchestrator.tools import ToolCall


class Content:
    """One choice's text and calls so far."""

    def __init__(self, request_id: str, *, calls: bool) -> None:
        """Args:
        request_id: of the request behind the choice; ids of calls are made from it.
        calls: whether the text may hold calls.
        """
        self.text = ""
        self.calls: list[ToolCall] = []
        self._request_id = request_id
        self._reader = ToolCallReader() if calls else None

    def push(self, text: str) -> Iterator[dict[str, Any]]:
        """The deltas that a piece of text makes."""
        return self._deltas(self._reader.push(text) if self._reader else [Said(text)])

    def flush(self) -> Iterator[dict[str, Any]]:
        """The deltas of what was held back."""
        return self._deltas(self._reader.flush() if self._reader else [])

    @property
    def may_call(self) -> bool:
        """Whether the answer may be calls and no text."""
        return self._reader is not None

    def message(self) -> dict[str, Any]:
        """The fields of the whole message."""
        if not self.calls:
            return {"content": self.text}
        calls = [{"id": self._id(i), **_function(call.name, call.arguments)} for i, call in enumerate(self.calls)]
        return {"content": self.text or None, "tool_calls": calls}

    @property
    def written(self) -> str:
        """The answer as it will be sent back in the next question."""
        return written(self.text, self.calls)

    def _deltas(self, events: Iterable[Event]) -> Iterator[dict[str, Any]]:
        for event in events:
            match event:
                case Said(text=text):
                    self.text += text
                    yield {"content": text}
                case CallBegun(name=name):
                    self.calls.append(ToolCall(name, ""))
                    at = len(self.calls) - 1
                    yield {"tool_calls": [{"index": at, "id": self._id(at), **_function(name, "")}]}
                case Arguments(text=text):
                    call = self.calls[-1]
                    self.calls[-1] = ToolCall(call.name, call.arguments + text)
                    yield {"tool_calls": [{"index": len(self.calls) - 1, "function": {"arguments": text}}]}

    def _id(self, index: int) -> str:
        return f"call_{self._request_id[:16]}_{index}"


def _function(name: str, arguments: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}
