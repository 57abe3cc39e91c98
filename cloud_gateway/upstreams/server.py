"""An OpenAI-compatible server behind the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final

import httpx
from httpx_sse import EventSource, SSEError

from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams import faults
from cloud_gateway.upstreams.formats.format import Format, Part, counted
from cloud_gateway.upstreams.formats.openai import OpenAiFormat
from orchestrator.chat import Chat
from orchestrator.client.channel import is_loopback
from orchestrator.errors import CloudInternal, CloudRejected, CloudTruncated, ConfigError
from orchestrator.ports import Clock
from orchestrator.types import Completed, ModelEvent, Started, TextDelta, Usage

_PROBE_S: Final = 5.0
_LARGEST_FAULT: Final = 64 * 1024
_BYTES_PER_TOKEN: Final = 4
"""Of English text in a present-day vocabulary; for estimates only."""


class UpstreamServer:
    """One server. Its events have no price yet: that is the gateway's affair."""

    def __init__(self, section: UpstreamSection, *, environment: Mapping[str, str], clock: Clock) -> None:
        """Connects to nothing yet.

        Raises:
            ConfigError: the base URL is none, or the environment lacks the variable with the server's key.
        """
        self._clock = clock
        self._format: Format = OpenAiFormat()
        try:
            url = httpx.URL(section.base_url.rstrip("/") + "/")
        except httpx.InvalidURL:
            raise ConfigError(
                "upstream.base_url is not a URL", remedy="for instance http://127.0.0.1:8642/v1"
            ) from None
        self._client = httpx.AsyncClient(
            base_url=url,
            headers=_headers(section, environment, self._format),
            timeout=httpx.Timeout(section.silence_s, connect=section.connect_s, pool=section.connect_s),
            limits=httpx.Limits(max_connections=section.max_connections, max_keepalive_connections=64),
            # A proxy from the environment is for the world outside.
            trust_env=not is_loopback(url.host),
        )

    async def stream(self, chat: Chat, model: str) -> AsyncGenerator[ModelEvent, None]:
        """An answer as it is written. Closing the generator closes the connection, by which the server knows.

        Args:
            chat: what is asked.
            model: the upstream's name for `chat.model`.

        Raises:
            CloudError: whatever went wrong, without a word of the request.
        """
        chunks, usage, reason = 0, None, None
        async with self._post(chat, model, stream=True) as response, aclosing(self._parts(response)) as parts:
            yield Started(chat.model)
            async for part in parts:
                if part.text:
                    chunks += 1
                    yield TextDelta(part.text)
                usage = counted(usage, part.usage)
                reason = part.finish_reason or reason
        if reason is None:
            raise CloudTruncated("the upstream ended its stream in the middle of the answer", remedy="ask again")
        yield Completed(usage or _estimate(chat, chunks), reason)

    async def complete(self, chat: Chat, model: str) -> AsyncGenerator[ModelEvent, None]:
        """An answer as one piece: cheaper for both sides than a stream. Arguments and errors are those of `stream`."""
        async with self._post(chat, model, stream=False) as response:
            try:
                part = self._checked(self._format.read(await response.aread()))
            except httpx.HTTPError as error:
                raise faults.of_transport(error, begun=False) from None
        if part.finish_reason is None:
            raise CloudTruncated("the upstream's answer has no end", remedy="ask again")
        yield Started(chat.model)
        yield TextDelta(part.text)
        estimate = _estimate(chat, -(-len(part.text.encode()) // _BYTES_PER_TOKEN))
        yield Completed(part.usage or estimate, part.finish_reason)

    async def reachable(self) -> bool:
        """Whether it answers, and takes the gateway's key. A server without a list of models counts as there."""
        try:
            response = await self._client.get(self._format.probe_path, timeout=_PROBE_S)
        except httpx.HTTPError:
            return False
        return response.status_code < 500 and response.status_code not in (401, 403)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    @asynccontextmanager
    async def _post(self, chat: Chat, model: str, *, stream: bool) -> AsyncIterator[httpx.Response]:
        """The response to a chat, once it has begun well."""
        content = self._format.body(chat, model, stream=stream)
        request = self._client.build_request("POST", self._format.path(model, stream=stream), content=content)
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise faults.of_transport(error, begun=False) from None
        try:
            if response.status_code != httpx.codes.OK:
                fault = self._format.read_fault(await _beginning(response))
                raise faults.of_status(response.status_code, fault, response.headers, now=self._clock.now())
            yield response
        finally:
            await response.aclose()

    async def _parts(self, response: httpx.Response) -> AsyncGenerator[Part, None]:
        """The events of a stream, to the last one or to the end of the connection."""
        try:
            async with aclosing(EventSource(response).aiter_sse()) as events:
                async for event in events:
                    if event.data:
                        part = self._checked(self._format.read_event(event.data))
                        yield part
                        if part.last:
                            return
        except SSEError:
            raise CloudInternal(
                "the upstream answered with something else than an event stream",
                remedy="the operator: check upstream.base_url",
            ) from None
        except httpx.HTTPError as error:
            raise faults.of_transport(error, begun=True) from None

    def _checked(self, part: Part) -> Part:
        if part.fault is not None:
            raise faults.of_fault(part.fault, now=self._clock.now())
        if part.filtered:
            raise CloudRejected("the upstream's content filter stopped the answer", remedy="ask otherwise")
        return part


async def _beginning(response: httpx.Response) -> bytes:
    """As much of an error's body as is worth reading."""
    body = b""
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LARGEST_FAULT:
                break
    except httpx.HTTPError:
        pass  # its status says enough
    return body


def _headers(section: UpstreamSection, environment: Mapping[str, str], spoken: Format) -> dict[str, str]:
    key = None
    if section.api_key_env is not None:
        key = environment.get(section.api_key_env, "").strip()
        if not key or not key.isascii():
            raise ConfigError(
                f"the environment variable {section.api_key_env}, for the upstream's key, is not set",
                remedy="set it, or leave upstream.api_key_env out",
            )
    return {"content-type": "application/json"} | spoken.headers(key)


def _estimate(chat: Chat, completion_tokens: int) -> Usage:
    """Where the upstream counts nothing: servers send about one token a chunk, and a token has about four bytes."""
    prompt_bytes = sum(len(message.text.encode()) for message in chat.messages) + len(chat.prefix.encode())
    return Usage(-(-prompt_bytes // _BYTES_PER_TOKEN), completion_tokens, estimated=True)
