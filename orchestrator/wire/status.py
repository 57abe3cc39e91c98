"""Errors to gRPC statuses and back.

A status carries `google.rpc.ErrorInfo` (domain "edgewise", reason the error's type, metadata "remedy", and "resumable"
where another gateway may go on with the answer) and, where waiting helps, `google.rpc.RetryInfo`, with
`grpc-retry-pushback-ms` for the channel's own retries. The type survives the way; where a proxy or gRPC itself made the
status, its code decides: what is unavailable then is a connection or a gateway, so an answer can be resumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from orchestrator.errors import (
    BudgetExhausted,
    Cancelled,
    CloudDenied,
    CloudError,
    CloudInternal,
    CloudNotFound,
    CloudRateLimited,
    CloudRejected,
    CloudTimeout,
    CloudUnauthenticated,
    CloudUnavailable,
    ContextWindowExceeded,
    DeadlineExceeded,
    EdgewiseError,
    InvalidRequest,
    ModelNotFound,
)

Trailers = tuple[tuple[str, str | bytes], ...]
DOMAIN: Final = "edgewise"
DETAILS_KEY: Final = "grpc-status-details-bin"
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
"""What a channel that retries by itself obeys (gRFC A6): so many milliseconds, or not at all where it is negative."""
_PATIENCE_S: Final = 0.5
"""The longest wait that is left to a channel. It waits in silence, so a longer one is its caller's to decide on."""
_GIVEN_UP_S: Final = 1.0
"""What a caller is told to wait where gRPC's core gave the call up, at either end, and so the gateway said nothing."""
_MAX_CHARS: Final = 1000
"""Of a message or a remedy: a status travels in HTTP/2 headers, which are small."""

_CODES: Final[tuple[tuple[type[EdgewiseError], grpc.StatusCode], ...]] = (
    (InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (ContextWindowExceeded, grpc.StatusCode.INVALID_ARGUMENT),
    (CloudRejected, grpc.StatusCode.INVALID_ARGUMENT),
    (ModelNotFound, grpc.StatusCode.NOT_FOUND),
    (CloudNotFound, grpc.StatusCode.NOT_FOUND),
    (CloudUnauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (CloudDenied, grpc.StatusCode.PERMISSION_DENIED),
    (CloudRateLimited, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (BudgetExhausted, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (CloudUnavailable, grpc.StatusCode.UNAVAILABLE),
    (CloudTimeout, grpc.StatusCode.DEADLINE_EXCEEDED),
    (DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED),
    (Cancelled, grpc.StatusCode.CANCELLED),
)
"""Everything else, CloudTruncated and CloudInternal among it, is INTERNAL: UNAVAILABLE is what clients retry."""

_REMEDY_KEY: Final = "remedy"
_RESUMABLE_KEY: Final = "resumable"
_BY_REASON: Final[dict[str, type[CloudError]]] = {kind("").type: kind for kind in CloudError.__subclasses__()}
_BY_CODE: Final[dict[grpc.StatusCode, tuple[type[CloudError], str]]] = {
    grpc.StatusCode.UNAVAILABLE: (CloudUnavailable, "check that the gateway runs, and that this is its address"),
    grpc.StatusCode.CANCELLED: (
        CloudUnavailable,
        "the gateway gave the call up, as it does when too many come at once",
    ),
    grpc.StatusCode.ABORTED: (CloudUnavailable, "ask again"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (CloudTimeout, "allow more time, or ask for fewer tokens"),
    grpc.StatusCode.UNAUTHENTICATED: (CloudUnauthenticated, "give a key made with `edgewise-gateway keys create`"),
    grpc.StatusCode.PERMISSION_DENIED: (CloudDenied, "ask the gateway's operator for access"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (CloudRateLimited, "wait, or ask the gateway's operator for a higher limit"),
    grpc.StatusCode.INVALID_ARGUMENT: (CloudRejected, ""),
    grpc.StatusCode.NOT_FOUND: (CloudRejected, "`models()` lists what the gateway offers"),
    grpc.StatusCode.FAILED_PRECONDITION: (CloudRejected, ""),
    grpc.StatusCode.OUT_OF_RANGE: (CloudRejected, ""),
    grpc.StatusCode.UNIMPLEMENTED: (CloudInternal, "check that the target is an Edgewise gateway"),
}


def encode(error: EdgewiseError) -> tuple[grpc.StatusCode, str, Trailers]:
    """The code, the message and the trailing metadata: the rich status, and when a channel may try again."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    message = error.message[:_MAX_CHARS]
    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=error.type, domain=DOMAIN)
    if error.remedy:
        info.metadata[_REMEDY_KEY] = error.remedy[:_MAX_CHARS]
    if isinstance(error, CloudError) and error.resumable:
        info.metadata[_RESUMABLE_KEY] = "true"
    status.details.add().Pack(info)
    if isinstance(error, CloudError) and error.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(error.retry_after_s * 1e9))
        status.details.add().Pack(retry)
    return code, message, ((DETAILS_KEY, status.SerializeToString()), *_pushback(error))


def decode(
    code: grpc.StatusCode, message: str | None, trailing_metadata: Iterable[tuple[str, str | bytes]], *, target: str
) -> CloudError:
    """The error in a failed call's status. It names `target`; its type is the gateway's where the gateway spoke."""
    info, retry_after_s = _details(trailing_metadata)
    kind, remedy = _BY_CODE.get(code, (CloudInternal, "the gateway's log has the cause"))
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and info is None and "larger than max" in (message or ""):
        # gRPC's own words, which it says in no other way: the message was too big, and waiting would not help.
        kind, remedy = CloudRejected, "send fewer or shorter messages"
    if info is None and code in (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED):
        retry_after_s = _GIVEN_UP_S
    if code is grpc.StatusCode.INTERNAL and info is None and "RST_STREAM" in (message or ""):
        # gRPC's own words again: a proxy on the way lost the gateway in mid-answer, and could say so in no other way.
        kind, remedy = _BY_CODE[grpc.StatusCode.UNAVAILABLE]
    resumable = kind is CloudUnavailable
    if info is not None:
        kind = _BY_REASON.get(info.reason, kind)
        remedy = info.metadata.get(_REMEDY_KEY, remedy)
        resumable = info.metadata.get(_RESUMABLE_KEY) == "true"
    words = f"gateway {target}: {(message or code.name.lower().replace('_', ' ')).rstrip('.')}"
    return kind(words, remedy=remedy, retry_after_s=retry_after_s, resumable=resumable)


def _pushback(error: EdgewiseError) -> Trailers:
    if not isinstance(error, CloudError) or error.retry_after_s is None:
        return ()
    # Never zero: a channel that is told to retry after no time at all waits for the deadline (seen with gRPC 1.85).
    wait_ms = max(1, round(error.retry_after_s * 1000)) if error.retry_after_s <= _PATIENCE_S else -1
    return ((PUSHBACK_KEY, str(wait_ms)),)


def _details(
    trailing_metadata: Iterable[tuple[str, str | bytes]],
) -> tuple[error_details_pb2.ErrorInfo | None, float | None]:
    info: error_details_pb2.ErrorInfo | None = None
    retry_after_s: float | None = None
    for detail in _status(trailing_metadata).details:
        error_info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        try:
            if detail.Unpack(error_info) and error_info.domain == DOMAIN:
                info = error_info
            elif detail.Unpack(retry):
                retry_after_s = max(0.0, retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)
        except DecodeError:
            continue
    return info, retry_after_s


def _status(trailing_metadata: Iterable[tuple[str, str | bytes]]) -> status_pb2.Status:
    """The rich status; an empty one where there is none, or where it is damaged: the code still tells enough."""
    for key, value in trailing_metadata:
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()
