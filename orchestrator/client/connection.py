"""What all calls of a client share: channels, key, witness, time limit, and what goes wrong."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar, cast

import grpc.aio

from orchestrator.budget.deadline import Deadline
from orchestrator.client.channel import MAX_ATTEMPTS, SERVICE, TlsOptions, open_channel
from orchestrator.client.forks import FORK_GUARD
from orchestrator.client.replicas import Replica, Replicas
from orchestrator.client.witness import Outcome, Sending, Witness
from orchestrator.errors import Cancelled, CloudError, CloudTimeout, CloudUnavailable, EdgewiseError, InvalidRequest
from orchestrator.ports import Clock
from orchestrator.tracing import NO_SPAN, NONE, Attributes, Kind, Span, Tracer
from orchestrator.v1 import gateway_service_pb2, gateway_service_pb2_grpc
from orchestrator.wire import status

if TYPE_CHECKING:
    from google.protobuf.message import Message as Protobuf

    from orchestrator.v1.gateway_service_pb2_grpc import GatewayServiceAsyncStub

T = TypeVar("T")
HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
_GOODBYE_S: Final = 1.0
"""How long word of an answer that is not wanted any more may take. Nobody waits for it but `aclose`."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Until when a call is of use: the sooner of a number of milliseconds and the caller's own deadline."""

    target: str
    own: Deadline
    callers: Deadline | None

    @property
    def remaining_s(self) -> float:
        """Seconds left; infinity where there is no limit. Each deadline is asked by its own clock."""
        return min(self.own.remaining_s, math.inf if self.callers is None else self.callers.remaining_s)

    def timeout_s(self) -> float | None:
        """For gRPC.

        Raises:
            CloudTimeout: no time is left.
        """
        remaining_s = self.remaining_s
        if remaining_s <= 0:
            raise CloudTimeout(f"gateway {self.target}: no time was left to ask", remedy="allow more time")
        return None if math.isinf(remaining_s) else remaining_s


class Connection:
    """The calls of one client. It belongs to the event loop of its first call."""

    def __init__(
        self,
        targets: Sequence[str],
        *,
        api_key: str | None,
        tls: TlsOptions | None,
        spread: bool,
        witness: Witness | None,
        tracer: Tracer,
        clock: Clock,
        rng: Random,
    ) -> None:
        """Nothing is connected yet."""
        self.targets = tuple(targets)
        self.clock = clock
        self.rng = rng
        self._api_key = api_key
        self._tls = tls
        self._spread = spread
        self.witness = witness
        self._tracer = tracer
        self._replicas: Replicas | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._unfinished: dict[str, Replica] = {}
        self._closed = False

    @property
    def target(self) -> str:
        """All of them, for messages."""
        return ", ".join(self.targets)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The key, where the channel's credentials do not carry it: gRPC allows those over TLS alone."""
        if self._api_key is None or self._tls is not None:
            return ()
        return (("authorization", f"Bearer {self._api_key}"),)

    def span(self, method: str, parent: Span, attributes: Attributes = NONE) -> Span:
        """Of a question: a part of `parent`, where that is traced."""
        name, kind = f"{SERVICE}/{method}", Kind.CLIENT
        if parent is NO_SPAN:
            return self._tracer.start(name, attributes, kind=kind)
        return parent.child(name, attributes, kind=kind)

    def replicas(self) -> Replicas:
        """The gateways, in the order in which to ask them.

        Raises:
            InvalidRequest: the client is closed, is used on another event loop, or came through a fork.
            ConfigError: a file of the TLS options cannot be read.
        """
        if self._closed:
            raise InvalidRequest(f"the client of gateway {self.target} is closed", remedy="make a new one")
        loop = asyncio.get_running_loop()
        if self._replicas is None:
            self._replicas = Replicas(self.targets, self._dial, self.clock, self.rng)
            self._loop = loop
        if self._loop is not loop:
            raise InvalidRequest(
                f"the client of gateway {self.target} belongs to another event loop",
                remedy="make one in each loop, or use the blocking Gateway",
            )
        return self._replicas

    def _dial(self, target: str) -> grpc.aio.Channel:
        channel = open_channel(target, api_key=self._api_key, tls=self._tls, spread=self._spread)
        FORK_GUARD.opened(channel)
        return channel

    async def ask(
        self,
        method: str,
        request: Protobuf,
        call: Callable[[Replica], Awaitable[T]],
        *,
        limit: Limit,
        about: object = None,
        request_id: str | None = None,
    ) -> T:
        """A whole reply, from the first gateway that is available.

        Args:
            method: the path of the gRPC method.
            request: what is sent, for the witness.
            call: sends it.
            limit: until when others are asked.
            about: for the witness.
            request_id: of a question, whose answer is given up where the caller goes away.

        Raises:
            CloudError: of the last that was asked.
        """
        fault: CloudError | None = None
        for replica in self.replicas():
            if fault is not None and limit.remaining_s <= 0:
                break
            leaving = self.unfinished(request_id, replica) if request_id is not None else nullcontext()
            try:
                with leaving:
                    async with self.calling(replica, method, request, about, new=request_id is not None):
                        return await call(replica)
            except CloudUnavailable as error:
                fault = error
        assert fault is not None
        raise fault

    def calling(
        self, replica: Replica, method: str, request: Protobuf, about: object = None, *, new: bool = False
    ) -> Calling:
        """The context of one call: the witness is told before and after, and what goes wrong is one of our errors.

        A `new` question is not even sent to a gateway that refuses most of them (see `Throttle`).
        """
        return Calling(self, replica, method, request, about, new=new)

    def sending(self, replica: Replica, method: str, request: Protobuf, about: object) -> Sending | None:
        """What the witness is told of a call; None where there is no witness."""
        if self.witness is None:
            return None
        keyed = self._api_key is not None and (self._tls is not None or method != HEALTH_CHECK)
        return Sending(
            target=replica.target,
            method=method,
            body=request.SerializeToString(),
            metadata=(("authorization", "(the key)"),) if keyed else (),
            attempts=MAX_ATTEMPTS if method.startswith(f"/{SERVICE}/") else 1,
            about=about,
        )

    def translated(self, error: BaseException | None, replica: Replica) -> BaseException | None:
        """What went wrong in a call, as one of our errors where it is one of gRPC's."""
        if isinstance(error, grpc.aio.AioRpcError):
            if self._closed:
                return self._closed_meanwhile()
            # The stubs know only the pairs of blocking gRPC, which have names.
            metadata = cast(Iterable[tuple[str, str | bytes]], error.trailing_metadata() or ())
            return status.decode(error.code(), error.details(), metadata, target=replica.target)
        if isinstance(error, asyncio.CancelledError) and self._closed:
            # gRPC speaks so also when `aclose` took the call down. Only a task that was cancelled itself may end so.
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                return self._closed_meanwhile()
        return error

    async def pause(self, seconds: float) -> None:
        """Wait, before a call that is tried again.

        Raises:
            Cancelled: the client was closed.
        """
        await self.clock.sleep(seconds)
        if self._closed:
            raise self._closed_meanwhile()

    def _closed_meanwhile(self) -> Cancelled:
        """What a call ends in that `aclose` took down."""
        return Cancelled(f"the client of gateway {self.target} was closed during the call")

    @contextmanager
    def unfinished(self, request_id: str, replica: Replica) -> Iterator[None]:
        """An answer under way. Where it is left before its end, the gateway is told: it would write on for a while,
        because a connection that is lost may come back."""
        self._unfinished[request_id] = replica
        try:
            yield
        except (GeneratorExit, asyncio.CancelledError, CloudTimeout, Cancelled):
            self._say_goodbye(request_id)
            raise
        finally:
            self._unfinished.pop(request_id, None)

    def _say_goodbye(self, request_id: str) -> None:
        """Tell the gateway, if it can be told at once: no radio is woken for it, and nobody waits."""
        replica = self._unfinished.pop(request_id, None)
        loop = asyncio.get_running_loop()
        # A loop in its last turns would run no task to its end.
        dying = self._closed or getattr(loop, "_asyncgens_shutdown_called", False)
        if replica is not None and not dying and replica.connected:
            task = loop.create_task(self._cancel(request_id, replica))
            self._goodbyes.add(task)
            task.add_done_callback(self._goodbyes.discard)

    async def _cancel(self, request_id: str, replica: Replica) -> None:
        request = gateway_service_pb2.CancelGenerateRequest(request_id=request_id)
        with suppress(EdgewiseError):
            async with self.calling(replica, f"/{SERVICE}/CancelGenerate", request):
                await stub(replica).CancelGenerate(request, timeout=_GOODBYE_S, metadata=self.metadata)

    async def aclose(self) -> None:
        """Cancel what still runs, and hang up."""
        for request_id in list(self._unfinished):
            self._say_goodbye(request_id)
        self._closed = True
        replicas, self._replicas = self._replicas, None
        if self._goodbyes:
            await asyncio.wait(self._goodbyes, timeout=_GOODBYE_S)
        if replicas is not None:
            await replicas.aclose()


class Calling:
    """One call, under the eyes of the witness.

    This is a class because generators that are open at a loop's end are closed in any order, also those inside of
    `asynccontextmanager`.
    """

    def __init__(
        self, connection: Connection, replica: Replica, method: str, request: Protobuf, about: object, *, new: bool
    ) -> None:
        self._connection = connection
        self._replica = replica
        self._undecided = new
        self._sending = connection.sending(replica, method, request, about)
        self._told: int | None = None

    def accepted(self) -> None:
        """The gateway took the call on: its answer begins."""
        if self._undecided:
            self._undecided = False
            self._replica.throttle.accepted()

    async def __aenter__(self) -> Self:
        wait_s = self._replica.throttle.refusal_s() if self._undecided else None
        if wait_s is not None:
            raise CloudUnavailable(
                f"gateway {self._replica.target}: not asked, for it refuses most of what it is asked",
                remedy="wait as long as it says, or ask another gateway",
                retry_after_s=wait_s,
            )
        if self._sending is not None and self._connection.witness is not None:
            self._told = await self._connection.witness.leaving(self._sending)
        self._replica.begin()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._replica.end()
        error = self._connection.translated(exc, self._replica)
        if isinstance(error, CloudUnavailable):
            self._replica.failed(error.retry_after_s)
        elif error is None:
            self._replica.answered()
        self._decide(error, exc)
        self._tell(error)
        if error is not None and error is not exc:
            raise error from None

    def _decide(self, error: BaseException | None, raised: BaseException | None) -> None:
        """Tell the throttle what became of the call. One that its caller gave up, or that found no gateway, says
        nothing of how much a gateway has to do."""
        if not isinstance(error, CloudUnavailable | CloudTimeout):
            if error is None or isinstance(error, CloudError):
                self.accepted()
        elif self._undecided and error.retry_after_s is not None and isinstance(raised, grpc.aio.AioRpcError):
            self._replica.throttle.refused(error.retry_after_s)

    def _tell(self, error: BaseException | None) -> None:
        if self._told is None or self._connection.witness is None:
            return
        outcome = Outcome.ANSWERED if error is None else Outcome.CANCELLED
        if isinstance(error, CloudError):
            outcome = Outcome.FAILED
        self._connection.witness.ended(self._told, outcome, error.type if isinstance(error, CloudError) else "")


def stub(replica: Replica) -> GatewayServiceAsyncStub:
    """The service's methods there."""
    return gateway_service_pb2_grpc.GatewayServiceStub(replica.channel)
