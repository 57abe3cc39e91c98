"""Spans: what was done when, and on whose behalf, across processes. Nobody keeps them unless it is configured who.

A span is handed on as a value, from whoever begins something to whoever does a part of it: generators are resumed in
whichever task reads them, so nothing that a task carries could say whose part it is. Who traces is behind `Tracer`;
`orchestrator.otel` has OpenTelemetry.

No attribute holds what was asked, recalled or answered: numbers, names of the configuration, and types of errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, Protocol

from orchestrator.errors import EdgewiseError

Value = str | int | float | bool | Sequence[str]
Attributes = Mapping[str, Value]
NONE: Final[Mapping[str, str]] = {}
"""No attributes, and no headers."""


class Kind(StrEnum):
    """On which side of a call a span is."""

    INTERNAL = "internal"
    CLIENT = "client"
    SERVER = "server"


class Span(Protocol):
    """Something that is being done."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What makes it the parent of spans in another process: W3C Trace Context. Empty where nobody traces."""
        ...

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, for logs. Empty where nobody traces, or this trace was not chosen as a sample."""
        ...

    def child(self, name: str, attributes: Attributes = NONE, *, kind: Kind = Kind.INTERNAL) -> Span:
        """A part of it, which begins now."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Say more about it."""
        ...

    def event(self, name: str) -> None:
        """Something happened at this moment."""
        ...

    def end(self, error: str = "") -> None:
        """It ends now; with the type of an error where it failed. Only the first call counts."""
        ...


class Tracer(Protocol):
    """Who keeps spans."""

    def start(
        self,
        name: str,
        attributes: Attributes = NONE,
        *,
        kind: Kind = Kind.INTERNAL,
        headers: Mapping[str, str] = NONE,
    ) -> Span:
        """A span that begins now; its parent is the one that `headers` name, which came with a request."""
        ...


class _Untraced:
    """A span that nobody keeps, and a tracer that makes no other."""

    headers = NONE
    trace_id = ""

    def __repr__(self) -> str:
        return "UNTRACED"

    def start(
        self,
        name: str,
        attributes: Attributes = NONE,
        *,
        kind: Kind = Kind.INTERNAL,
        headers: Mapping[str, str] = NONE,
    ) -> Span:
        """Itself."""
        return self

    def child(self, name: str, attributes: Attributes = NONE, *, kind: Kind = Kind.INTERNAL) -> Span:
        """Itself."""
        return self

    def set(self, attributes: Attributes) -> None:
        """Nothing."""

    def event(self, name: str) -> None:
        """Nothing."""

    def end(self, error: str = "") -> None:
        """Nothing."""


_UNTRACED: Final = _Untraced()
NO_SPAN: Final[Span] = _UNTRACED
NO_TRACER: Final[Tracer] = _UNTRACED


@contextmanager
def spanning(span: Span) -> Iterator[Span]:
    """`span`, ended with the block; with the type of the error, where the block fails."""
    try:
        yield span
    except BaseException as error:
        span.end(error_type(error))
        raise
    span.end()


def error_type(error: BaseException) -> str:
    """What spans and metrics call it: an error of ours by its type; going away is `cancelled`."""
    if isinstance(error, EdgewiseError):
        return error.type
    return "cancelled" if isinstance(error, asyncio.CancelledError | GeneratorExit) else type(error).__name__
