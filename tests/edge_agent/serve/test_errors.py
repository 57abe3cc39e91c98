"""Every error of the tree has a status and a shape that OpenAI's clients understand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.requests import Request

from edge_agent.serve.errors import ErrorHandlers, InvalidField, error_body, shape_of
from orchestrator import errors
from orchestrator.errors import EdgewiseError
from orchestrator.testing import ManualClock

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STATUS = {
    "InvalidRequest": (400, "invalid_request"),
    "InvalidField": (400, "invalid_request"),
    "ContextWindowExceeded": (400, "context_length_exceeded"),
    "PrivacyError": (403, "privacy_error"),
    "EgressRefused": (403, "egress_refused"),
    "InvalidFormat": (400, "invalid_format"),
    "ModelNotFound": (404, "model_not_found"),
    "BudgetExhausted": (429, "budget_exhausted"),
    "CloudRateLimited": (429, "cloud_rate_limited"),
    "Cancelled": (499, "cancelled"),
    "CloudError": (502, "cloud_error"),
    "CloudUnauthenticated": (502, "cloud_unauthenticated"),
    "CloudDenied": (502, "cloud_denied"),
    "CloudRejected": (502, "cloud_rejected"),
    "CloudNotFound": (502, "cloud_not_found"),
    "CloudTruncated": (502, "cloud_truncated"),
    "CloudInternal": (502, "cloud_internal"),
    "CloudUnavailable": (503, "cloud_unavailable"),
    "StoreUnavailable": (503, "store_unavailable"),
    "CloudTimeout": (504, "cloud_timeout"),
    "DeadlineExceeded": (504, "deadline_exceeded"),
}


def tree(root: type[EdgewiseError]) -> Iterator[type[EdgewiseError]]:
    if root.__module__ == errors.__name__:
        yield root
    for branch in root.__subclasses__():
        yield from tree(branch)


@pytest.mark.parametrize("kind", list(tree(EdgewiseError)), ids=lambda kind: kind.__name__)
def test_each_error_has_its_status_and_code(kind: type[EdgewiseError]) -> None:
    error = kind("what is wrong", remedy="what to do")
    shape = shape_of(error)
    assert (shape.status, shape.code) == STATUS.get(kind.__name__, (500, error.type))
    assert error_body(error)["error"] == {
        "message": "what is wrong. what to do",
        "type": shape.type,
        "param": None,
        "code": shape.code,
    }


def test_a_field_is_named() -> None:
    body = error_body(InvalidField("stop[1]", "is empty"))["error"]
    assert (body["param"], body["code"], body["message"]) == ("stop[1]", "invalid_request", "stop[1]: is empty")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("GET", "/v1/models/gpt-9", 404, "model_not_found"),
    ],
)
def test_wrong_paths_are_told_in_the_same_shape(
    house: Callable[..., Any], method: str, path: str, status: int, code: str
) -> None:
    response = house().request(method, path)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (errors.BudgetExhausted("full", reopens_at=NOW + timedelta(seconds=89.5)), {"retry-after": "90"}),
        (errors.BudgetExhausted("full", reopens_at=NOW - timedelta(seconds=5)), {"retry-after": "1"}),
        (errors.BudgetExhausted("too small for any answer"), {"x-should-retry": "false"}),
        (errors.CloudRateLimited("slow down", retry_after_s=0.2), {"retry-after": "1"}),
        (errors.CloudUnavailable("gone"), {}),
        (errors.DeadlineExceeded("late"), {"x-should-retry": "false"}),
        (errors.InferenceFailed("broken"), {}),
    ],
)
def test_waiting_times_are_told_where_waiting_helps(error: EdgewiseError, headers: dict[str, str]) -> None:
    handlers = ErrorHandlers(ManualClock(NOW))
    response = asyncio.run(handlers.edgewise(Request({"type": "http"}), error))
    told = {name: response.headers[name] for name in ("retry-after", "x-should-retry") if name in response.headers}
    assert told == headers


def test_a_body_without_end_is_refused(house: Callable[..., Any]) -> None:
    response = house().post(b" " * (4 * 1024 * 1024 + 1))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")


def test_malformed_json_is_a_400(house: Callable[..., Any]) -> None:
    response = house().post(b'{"model": ')
    assert response.status_code == 400
    assert "JSON" in response.json()["error"]["message"]


def test_a_wrong_type_is_a_400_that_names_the_field(house: Callable[..., Any]) -> None:
    error = house().post(temperature="hot").json()["error"]
    assert (error["param"], error["type"]) == ("temperature", "invalid_request_error")


def test_an_empty_question_is_a_400(house: Callable[..., Any]) -> None:
    for messages in ([{"role": "user", "content": "  "}], [{"role": "assistant", "content": "So"}]):
        assert house().post(messages=messages).status_code == 400
