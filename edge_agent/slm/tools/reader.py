"""Calls read back out of an answer's text while it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge_agent.slm.tools.syntax import OPEN, TAIL

_HEAD: Final = re.compile(r'\s*\{"name": "(?P<name>[^"]*)", "arguments": ')


@dataclass(frozen=True, slots=True)
class Said:
    """Text beside the calls."""

    text: str


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A call of the tool `name`; its arguments follow."""

    name: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """More of the arguments of the call that was begun last."""

    text: str


Event = Said | CallBegun | Arguments


class ToolCallReader:
    """Splits text that keeps to `tool_grammar` into what is said and what is called.

    Of a tag that has begun nothing is shown, nor the white space around calls. In an answer that was cut short the last
    call may have lost a part of its arguments.
    """

    def __init__(self) -> None:
        self._text = ""
        self._in_arguments = False

    def push(self, text: str) -> Iterator[Event]:
        """What `text` adds."""
        self._text += text
        while (event := self._next()) is not None:
            yield event

    def flush(self) -> Iterator[Event]:
        """What was held back and turned out to be no tag, when nothing more comes."""
        held, self._text = self._text, ""
        if not self._in_arguments and OPEN not in held and held.strip():
            yield Said(held)

    def _next(self) -> Event | None:
        if self._in_arguments:
            return self._arguments()
        before, opened, behind = self._text.partition(OPEN)
        if not opened:
            return self._saying(_certain(self._text, OPEN))
        if before.strip():
            self._text = opened + behind
            return Said(before.rstrip())
        found = _HEAD.match(behind)
        if found is None:
            return None
        self._text, self._in_arguments = behind[found.end() :], True
        return CallBegun(found["name"])

    def _arguments(self) -> Event | None:
        arguments, closed, behind = self._text.partition(TAIL)
        if closed:
            self._text, self._in_arguments = behind, False
        else:
            arguments = self._text[: _certain(self._text, TAIL)]
            self._text = self._text[len(arguments) :]
        if not arguments:
            return self._next() if closed else None
        return Arguments(arguments)

    def _saying(self, certain: int) -> Event | None:
        """The text up to `certain`, less white space that may stand in front of a call."""
        said = self._text[:certain].rstrip()
        self._text = self._text[len(said) :]
        return Said(said) if said else None


def _certain(text: str, tag: str) -> int:
    """Where the longest end of `text` begins that may be the beginning of `tag`."""
    longest = min(len(tag) - 1, len(text))
    return next((len(text) - n for n in range(longest, 0, -1) if tag.startswith(text[-n:])), len(text))
