"""A model server behind the gateway, over HTTP."""

from __future__ import annotations

import asyncio
import io
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from yarl import URL

from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams import faults
from cloud_gateway.upstreams.answer import Answer
from cloud_gateway.upstreams.event_stream import EventStream
from cloud_gateway.upstreams.formats.choice import choose
from cloud_gateway.upstreams.formats.format import Format, Part
from cloud_gateway.upstreams.reader import Reader
from orchestrator.chat import Chat
from orchestrator.client.channel import is_loopback
from orchestrator.errors import CloudInternal, CloudRejected, ConfigError
from orchestrator.ports import Clock
from orchestrator.tracing import Attributes
from orchestrator.types import ModelEvent, Started, TextDelta

_PROBE_S: Final = 5.0
_FAREWELL_S: Final = 0.1
"""How long the end of a response may come after the end of its answer, for its connection to be used again."""
_READ_BYTES: Final = 2**14
"""Twice as many are read ahead of a slow reader; then the upstream has to wait."""
_LARGEST_FAULT: Final = 64 * 1024
_LARGEST_ANSWER: Final = 2**24
_PROVIDERS: Final = {"openai": "openai", "anthropic": "anthropic", "gemini": "gcp.gemini"}


class UpstreamServer:
    """One server. Its events have no price yet: that is the gateway's affair."""

    def __init__(self, section: UpstreamSection, *, name: str, environment: Mapping[str, str], clock: Clock) -> None:
        """Connects to nothing yet.

        Raises:
            ConfigError: the base URL is none, or the environment lacks the variable with the server's key.
        """
        self._clock = clock
        self._section = section
        self._format: Format = choose(section)
        try:
            self._url = URL(section.base_url.rstrip("/") + "/")
        except ValueError:
            raise ConfigError(
                f"the base_url of the upstream {name} is not a URL", remedy="for instance http://127.0.0.1:8642/v1"
            ) from None
        self._addresses: dict[str, URL] = {}
        self._headers = _headers(section, name, environment, self._format)
        self._opened: aiohttp.ClientSession | None = None

    @property
    def described(self) -> Attributes:
        """It, for traces: by the names of OpenTelemetry's conventions."""
        return {
            "gen_ai.provider.name": _PROVIDERS[self._section.format],
            "server.address": self._url.host or "",
            "server.port": self._url.port or 0,
        }

    @property
    def _session(self) -> aiohttp.ClientSession:
        """The connections. They belong to the running loop."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=0),  # how many calls there are is decided before they come here
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._section.connect_s),
                read_bufsize=_READ_BYTES,
                proxy=_proxy(self._url),
            )
        return self._opened

    async def stream(
        self, chat: Chat, model: str, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        """An answer as it is written. Closing the generator closes the connection, by which the server knows.

        Args:
            chat: what is asked.
            model: the upstream's name for `chat.model`.
            headers: of this request, beside those of all.

        Raises:
            CloudError: whatever went wrong, without a word of the request.
        """
        loop, section = asyncio.get_running_loop(), self._section
        until_s, limit = loop.time() + section.first_token_s, "first_token_s"
        answer = Answer(chat, chunked=True)
        async with self._post(chat, model, headers, stream=True, until_s=until_s, limit=limit) as response:
            yield Started(chat.model)
            reader, events = Reader(response.content), EventStream()
            try:
                while not answer.ended and (piece := await reader.read(until_s)):
                    for data in events.feed(piece):
                        part = self._checked(self._format.read_event(data))
                        if part.text:
                            limit = "between_tokens_s"
                        if text := answer.take(part):
                            yield TextDelta(text)
                        if answer.ended:
                            break
                    if limit == "between_tokens_s":
                        until_s = loop.time() + section.between_tokens_s
                if answer.complete:
                    await _end(reader)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise faults.of_transport(error, begun=True, limit=limit) from None
            finally:
                reader.close()
        for event in answer.end():
            yield event

    async def complete(
        self, chat: Chat, model: str, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[ModelEvent, None]:
        """An answer as one piece: cheaper for both sides than a stream. Arguments and errors are those of `stream`."""
        until_s, limit = asyncio.get_running_loop().time() + self._section.whole_answer_s, "whole_answer_s"
        async with self._post(chat, model, headers, stream=False, until_s=until_s, limit=limit) as response:
            try:
                async with asyncio.timeout_at(until_s):
                    body = await _body(response.content, _LARGEST_ANSWER)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise faults.of_transport(error, begun=False, limit=limit) from None
        answer = Answer(chat, chunked=False)
        text = answer.take(self._checked(self._format.read(body)))
        end = answer.end()
        yield Started(chat.model)
        if text:
            yield TextDelta(text)
        for event in end:
            yield event

    async def reachable(self) -> bool:
        """Whether it answers, and takes the gateway's key. A server without a list of models counts as there."""
        try:
            async with (
                asyncio.timeout(_PROBE_S),
                self._session.get(self._at(self._format.probe_path), allow_redirects=False) as response,
            ):
                return response.status < 500 and response.status not in (401, 403)
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def aclose(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            await self._opened.close()

    @asynccontextmanager
    async def _post(
        self, chat: Chat, model: str, headers: Mapping[str, str] | None, *, stream: bool, until_s: float, limit: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response to a chat, once it has begun well."""
        url = self._at(self._format.path(model, stream=stream))
        # Bytes would be copied and, where they are many, warned about.
        content = io.BytesIO(self._format.body(chat, model, stream=stream))
        try:
            async with asyncio.timeout_at(until_s):
                response = await self._session.post(url, data=content, headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise faults.of_transport(error, begun=False, limit=limit) from None
        async with response:  # a body that was not read to its end closes the connection
            if response.status != 200:
                fault = self._format.read_fault(await _beginning(response, until_s))
                raise faults.of_status(response.status, fault, response.headers, now=self._clock.now())
            if stream and response.content_type != "text/event-stream":
                raise CloudInternal(
                    "the upstream answered with something else than an event stream",
                    remedy="the operator: check its base_url",
                )
            yield response

    def _at(self, path: str) -> URL:
        """The address of `path`, which a format gives. Joining URLs is slow, and there are few."""
        url = self._addresses.get(path)
        if url is None:
            url = self._addresses[path] = self._url.join(URL(path))
        return url

    def _checked(self, part: Part) -> Part:
        if part.fault is not None:
            raise faults.of_fault(part.fault, now=self._clock.now())
        if part.filtered:
            raise CloudRejected("the upstream's content filter stopped the answer", remedy="ask otherwise")
        return part


async def _body(content: aiohttp.StreamReader, largest: int) -> bytes:
    """All of a body.

    Raises:
        CloudInternal: it is larger than `largest` bytes.
    """
    pieces, size = [], 0
    while piece := await content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            raise CloudInternal("the upstream's answer is too large", remedy="the operator: check its base_url")
    return b"".join(pieces)


async def _beginning(response: aiohttp.ClientResponse, until_s: float) -> bytes:
    """As much of an error's body as is worth reading."""
    try:
        async with asyncio.timeout_at(until_s):
            return await _body(response.content, _LARGEST_FAULT)
    except (aiohttp.ClientError, TimeoutError, CloudInternal):
        return b""  # its status says enough


async def _end(reader: Reader) -> None:
    """Read to the end, where it comes soon: a connection that was read to its end carries the next request."""
    until_s = asyncio.get_running_loop().time() + _FAREWELL_S
    try:
        while not reader.at_end and await reader.read(until_s):
            pass
    except (aiohttp.ClientError, TimeoutError):
        pass  # the answer is complete


def _headers(section: UpstreamSection, name: str, environment: Mapping[str, str], spoken: Format) -> dict[str, str]:
    key = None
    if section.api_key_env is not None:
        key = environment.get(section.api_key_env, "").strip()
        if not key or not key.isascii():
            raise ConfigError(
                f"the environment variable {section.api_key_env}, for the key of the upstream {name}, is not set",
                remedy="set it, or leave its api_key_env out",
            )
    # Compressing single tokens costs both sides more than it saves.
    return {"content-type": "application/json", "accept-encoding": "identity"} | spoken.headers(key)


def _proxy(url: URL) -> str | None:
    """The proxy of the environment for `url`: for the world outside. Looked up once, for it is looked up slowly."""
    host = url.host or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(url.scheme) or proxies.get("all")
