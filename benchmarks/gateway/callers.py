"""Ways to ask a model: over HTTP in the OpenAI-compatible format, and through the SDK."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import Any, Final, Protocol, Self

import aiohttp

from benchmarks.gateway.programs import MODEL, Program
from orchestrator.client import AsyncGateway
from orchestrator.types import TextDelta

_QUESTION: Final = "What do bees make?"
_MESSAGES: Final = [{"role": "user", "content": _QUESTION}]


class Caller(Protocol):
    """Asks one program. An asynchronous context manager."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def ask(self) -> None:
        """A whole answer."""
        ...

    async def first_text_ms(self) -> float:
        """Milliseconds to the first text of a stream, which is read to its end."""
        ...


class HttpCaller:
    """With aiohttp, the cheapest client of HTTP that Python has: what it takes itself hides little."""

    def __init__(self, program: Program) -> None:
        self._url = f"http://{program.address}/v1/chat/completions"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self) -> None:
        """A whole answer."""
        async with self._session.post(self._url, json=_body()) as response:
            response.raise_for_status()
            answer = await response.json()
        assert answer["choices"][0]["message"]["content"], "the answer is empty"

    async def first_text_ms(self) -> float:
        """Milliseconds to the first text of a stream, which is read to its end."""
        begin, first_ms = time.perf_counter(), 0.0
        async with self._session.post(self._url, json=_body(stream=True)) as response:
            response.raise_for_status()
            async for line in response.content:
                if not first_ms and line.startswith(b"data: {"):
                    first_ms = (time.perf_counter() - begin) * 1000
        assert first_ms, "the stream brought no text"
        return first_ms


class SdkCaller:
    """Through the gateway."""

    def __init__(self, program: Program) -> None:
        self._gateway = AsyncGateway(program.address, model=MODEL)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._gateway.aclose()

    async def ask(self) -> None:
        """A whole answer."""
        answer = await self._gateway.generate(_QUESTION)
        assert answer.text, "the answer is empty"

    async def first_text_ms(self) -> float:
        """Milliseconds to the first text of a stream, which is read to its end."""
        begin, first_ms = time.perf_counter(), 0.0
        async with aclosing(self._gateway.stream(_QUESTION)) as events:
            async for event in events:
                if not first_ms and isinstance(event, TextDelta):
                    first_ms = (time.perf_counter() - begin) * 1000
        assert first_ms, "the stream brought no text"
        return first_ms


def _body(**more: object) -> dict[str, Any]:
    return {"model": MODEL, "messages": _MESSAGES, "max_tokens": 256, **more}
