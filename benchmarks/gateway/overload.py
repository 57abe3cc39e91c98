"""More requests than a gateway can serve: what still succeeds, how late, and what the others are told.

The load is open-loop: requests come when they come (a Poisson process, seeded), whatever became of earlier ones, as
they do from a fleet of devices. They go by gRPC itself, with bytes made once and no retries, so that this process can
ask faster than the gateway answers, and every error is seen as it was sent; with the throttle of the SDK before each
connection, or without it. The gateway has a processor core of its own, so that what it is asked by takes nothing of it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import grpc
import grpc.aio

from benchmarks.gateway.programs import MODEL, Program
from orchestrator.client.throttle import Throttle
from orchestrator.clock import SystemClock
from orchestrator.v1 import chat_pb2, gateway_service_pb2
from orchestrator.wire import status

_AT_ONCE: Final = 32
_CLIENTS: Final = 8
"""Applications: each has a connection, and knows only what became of its own calls."""
_DEADLINE_S: Final = 1.0
_SEED: Final = 7
_SERVICE: Final = "/orchestrator.v1.GatewayService/"


@dataclass(slots=True)
class Load:
    """What became of the requests of one rate."""

    asked: int = 0
    begun_s: float = field(default_factory=time.perf_counter)
    took_s: float = math.inf
    """How long requests came."""
    answered_in_it: int = 0
    answered_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    """By status and type."""
    without_retry_info: int = 0
    """Errors that say nothing of when to ask again."""
    without_advice: int = 0
    """Those of them for which the SDK knows it neither."""
    kept_back: int = 0
    """By the throttles: not sent, and refused with advice at once."""
    cores: dict[str, float] = field(default_factory=dict)
    """Processor time of each process while requests came, in cores."""

    def answered(self, begun_s: float) -> None:
        """Count an answer, to a request that was made at `begun_s`."""
        now_s = time.perf_counter()
        self.answered_ms.append((now_s - begun_s) * 1000)
        self.answered_in_it += now_s - self.begun_s < self.took_s

    @property
    def answered_per_s(self) -> float:
        """Complete answers a second, while requests came: those of the queue that was left do not count."""
        return self.answered_in_it / self.took_s

    @property
    def asked_per_s(self) -> float:
        """What was really asked: a machine that is busy cannot ask as fast as it should."""
        return self.asked / self.took_s


class Asker:
    """Asks a gateway, over several connections. An asynchronous context manager."""

    def __init__(self, gateway: Program, *, throttled: bool, streaming: bool, deadline_s: float) -> None:
        self._throttles = [Throttle(SystemClock(), Random(number)) for number in range(_CLIENTS)] if throttled else None
        self._address = gateway.address
        self._streaming = streaming
        self._deadline_s = deadline_s
        self._next = 0
        self._stack = AsyncExitStack()
        self._methods: list[Any] = []

    async def __aenter__(self) -> Asker:
        method = _SERVICE + ("StreamGenerate" if self._streaming else "Generate")
        for _ in range(_CLIENTS):
            options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
            channel = await self._stack.enter_async_context(grpc.aio.insecure_channel(self._address, options=options))
            make = channel.unary_stream if self._streaming else channel.unary_unary
            self._methods.append(make(method, None, None))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ask(self, load: Load) -> None:
        """One request, and what became of it."""
        self._next += 1
        number, begin = self._next % _CLIENTS, time.perf_counter()
        throttle = self._throttles[number] if self._throttles else None
        if throttle is not None and throttle.refusal_s() is not None:
            load.kept_back += 1
            return
        call = self._methods[number](self._request(self._next), timeout=self._deadline_s)
        try:
            if self._streaming:
                async for _ in call:
                    pass
            else:
                await call
            load.answered(begin)
            if throttle is not None:
                throttle.accepted()
        except grpc.aio.AioRpcError as error:
            load.refused_ms.append((time.perf_counter() - begin) * 1000)
            trailers: Any = error.trailing_metadata() or ()
            told = status.decode(error.code(), error.details(), trailers, target="")
            load.errors[f"{error.code().name} {told.message.removeprefix('gateway : ')}"] += 1
            load.without_advice += told.retry_after_s is None
            load.without_retry_info += not any(key == status.PUSHBACK_KEY for key, _ in trailers)
            if throttle is not None:
                throttle.refused(told.retry_after_s)

    def _request(self, number: int) -> bytes:
        kind = gateway_service_pb2.StreamGenerateRequest if self._streaming else gateway_service_pb2.GenerateRequest
        request = kind(request_id=f"{id(self)}-{number}")
        request.chat.model = MODEL
        request.chat.messages.add(role=chat_pb2.ROLE_USER, text="What do bees make?")
        request.chat.sampling.max_tokens = 256
        return request.SerializeToString()


async def peak(asker: Asker, *, at_once: int, seconds: float) -> Load:
    """As many answers as go, `at_once` at a time."""
    load = Load()

    async def worker() -> None:
        while time.perf_counter() - load.begun_s < seconds:
            load.asked += 1
            await asker.ask(load)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    load.took_s = time.perf_counter() - load.begun_s
    return load


async def arriving(asker: Asker, *, per_s: float, seconds: float) -> Load:
    """Requests that come `per_s` a second on average, for `seconds`; then all of them have ended."""
    load, gaps, calls = Load(), Random(_SEED), set[asyncio.Task[None]]()
    at_s = 0.0
    while at_s < seconds:
        at_s += gaps.expovariate(per_s)
        ahead_s = load.begun_s + at_s - time.perf_counter()
        if ahead_s > 0 or load.asked % 32 == 0:
            await asyncio.sleep(max(0.0, ahead_s))
        if time.perf_counter() - load.begun_s > seconds:
            break
        load.asked += 1
        call = asyncio.create_task(asker.ask(load))
        calls.add(call)
        call.add_done_callback(calls.discard)
    load.took_s = time.perf_counter() - load.begun_s
    await asyncio.gather(*calls)
    return load


async def overload(
    gateway: Program, upstream: Program, *, throttled: bool, streaming: bool, times: Sequence[float], seconds: float
) -> tuple[float, list[Load]]:
    """The peak in answers a second, and what became of `times` as many requests. Throttled as the SDK does, or not."""
    loads = []
    async with Asker(gateway, throttled=throttled, streaming=streaming, deadline_s=_DEADLINE_S) as asker:
        await peak(asker, at_once=_AT_ONCE, seconds=1.0)  # warm up
        best = (await peak(asker, at_once=_AT_ONCE, seconds=seconds)).answered_per_s
        for each in times:
            used_s = _used_s(gateway, upstream)
            load = await arriving(asker, per_s=best * each, seconds=seconds)
            took_s = time.perf_counter() - load.begun_s
            load.cores = {name: (now_s - used_s[name]) / took_s for name, now_s in _used_s(gateway, upstream).items()}
            loads.append(load)
    return best, loads


def _used_s(gateway: Program, upstream: Program) -> dict[str, float]:
    """Processor seconds so far."""
    return {"gateway": gateway.cpu_s, "callers": time.process_time(), "model server": upstream.cpu_s}
