"""Errors as OpenAI's clients expect them: a status, and `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.errors import (
    BudgetExhausted,
    Cancelled,
    CloudError,
    CloudRateLimited,
    CloudTimeout,
    CloudUnavailable,
    ContextWindowExceeded,
    DeadlineExceeded,
    EdgewiseError,
    InvalidRequest,
    ModelNotFound,
    PrivacyError,
    StoreUnavailable,
)
from orchestrator.ports import Clock


class InvalidField(InvalidRequest):
    """One field of the request cannot be as it is.

    Attributes:
        field: its path, as `messages[0].content`.
    """

    def __init__(self, field: str, message: str, *, remedy: str = "") -> None:
        super().__init__(f"{field}: {message}", remedy=remedy)
        self.field = field


@dataclass(frozen=True, slots=True)
class Shape:
    """How a kind of error is told. `code` is our own name of the error where OpenAI has none."""

    status: int
    type: str
    code: str | None = None


OF_ERROR: Final[Mapping[type[Exception], Shape]] = {
    InvalidRequest: Shape(400, "invalid_request_error"),
    ContextWindowExceeded: Shape(400, "invalid_request_error", "context_length_exceeded"),
    PrivacyError: Shape(403, "permission_error"),
    ModelNotFound: Shape(404, "invalid_request_error"),
    BudgetExhausted: Shape(429, "rate_limit_error"),
    CloudRateLimited: Shape(429, "rate_limit_error"),
    Cancelled: Shape(499, "invalid_request_error"),
    CloudError: Shape(502, "server_error"),
    CloudUnavailable: Shape(503, "server_error"),
    StoreUnavailable: Shape(503, "server_error"),
    CloudTimeout: Shape(504, "timeout_error"),
    DeadlineExceeded: Shape(504, "timeout_error"),
    EdgewiseError: Shape(500, "server_error"),
}
"""The nearest class in an error's ancestry counts."""

OF_STATUS: Final[Mapping[int, Shape]] = {
    401: Shape(401, "authentication_error", "invalid_api_key"),
    403: Shape(403, "permission_error", "foreign_origin"),
    404: Shape(404, "invalid_request_error", "not_found"),
    405: Shape(405, "invalid_request_error", "method_not_allowed"),
    413: Shape(413, "invalid_request_error", "request_too_large"),
    503: Shape(503, "server_error", "overloaded"),
}
"""What goes wrong before there is a request to answer."""


CLOSING: Final = "the server is shutting down"


def shape_of(error: EdgewiseError) -> Shape:
    """How `error` is told."""
    shape = next(OF_ERROR[kind] for kind in type(error).__mro__ if kind in OF_ERROR)
    return Shape(shape.status, shape.type, shape.code or _code(error))


def error_body(error: EdgewiseError) -> dict[str, Any]:
    """The JSON object; also what a stream ends with when it fails after its first piece."""
    shape = shape_of(error)
    param = error.field if isinstance(error, InvalidField) else None
    return _body(str(error), shape, param)


def plain_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error that is none of the agent's: a wrong path, a missing key, a full house."""
    shape = OF_STATUS.get(status, Shape(status, "server_error" if status >= 500 else "invalid_request_error"))
    return _response(_body(message, shape, None), status, headers)


def closing_body() -> dict[str, Any]:
    """What ends a stream that is cut off because the server ends."""
    return _body(CLOSING, OF_STATUS[503], None)


class ErrorHandlers:
    """Starlette's exception handlers. The clock tells how long until a budget window opens again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def as_mapping(self) -> dict[Any, Any]:
        """For `Starlette(exception_handlers=...)`."""
        return {EdgewiseError: self.edgewise, HTTPException: self.http, Exception: self.unexpected}

    async def edgewise(self, request: Request, error: Exception) -> Response:
        """The agent's own errors, by the table."""
        assert isinstance(error, EdgewiseError)
        return _response(error_body(error), shape_of(error).status, self._waiting(error))

    async def http(self, request: Request, error: Exception) -> Response:
        """Routing, size and load."""
        assert isinstance(error, HTTPException)
        return plain_error(error.status_code, error.detail, error.headers)

    async def unexpected(self, request: Request, error: Exception) -> Response:
        """A fault of ours. Its text may quote the user, so it is not handed on."""
        return plain_error(500, "an internal error: the server's log names it")

    def _waiting(self, error: EdgewiseError) -> dict[str, str]:
        """Say how long to wait; where waiting does not help, tell OpenAI's clients not to try again."""
        wait_s: float | None = None
        match error:
            case BudgetExhausted(reopens_at=moment) if moment is not None:
                wait_s = (moment - self._clock.now()).total_seconds()
            case CloudError(retry_after_s=seconds):
                wait_s = seconds
        if wait_s is not None:
            return {"retry-after": str(max(1, math.ceil(wait_s)))}
        return {"x-should-retry": "false"} if isinstance(error, BudgetExhausted | DeadlineExceeded) else {}


def _code(error: EdgewiseError) -> str:
    return "invalid_request" if isinstance(error, InvalidField) else error.type


def _body(message: str, shape: Shape, param: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": shape.type, "param": param, "code": shape.code}}


def _response(body: dict[str, Any], status: int, headers: Mapping[str, str] | None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, "application/json")
