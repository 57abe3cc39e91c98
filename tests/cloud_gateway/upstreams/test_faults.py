"""How long to wait, and what may be repeated of an upstream's words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.faults import RETRY_S, of_fault, of_status, retry_after_s
from cloud_gateway.upstreams.formats.format import Fault
from orchestrator import errors
from orchestrator.wire.status import encode

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 3 ", 3.0),
        ("Mon, 05 Jan 2026 09:00:30 GMT", 30.0),
        ("Mon, 05 Jan 2026 08:00:00 GMT", 0.0),
        ("999999999", 86_400.0),
        ("", RETRY_S),
        ("soon", RETRY_S),
        ("-5", RETRY_S),
        ("nan", RETRY_S),
    ],
)
def test_the_wait_is_read_from_seconds_or_a_date(value: str, seconds: float) -> None:
    assert retry_after_s({"retry-after": value}, NOW) == seconds


@given(st.text())
def test_any_header_gives_a_wait(value: str) -> None:
    assert 0 <= retry_after_s({"retry-after": value}, NOW) <= 86_400


@given(st.floats(allow_nan=False), st.sampled_from([429, 503]))
def test_any_number_in_a_body_gives_a_wait_that_can_be_told(wait_s: float, http_status: int) -> None:
    error = of_status(http_status, Fault(retry_after_s=wait_s), {}, now=NOW)
    assert error.retry_after_s is not None
    assert 0 <= error.retry_after_s <= 86_400
    assert encode(error)


@given(st.integers(100, 599), st.one_of(st.none(), st.text()), st.one_of(st.none(), st.integers(), st.text()))
def test_only_single_machine_words_are_repeated(http_status: int, kind: str | None, code: str | int | None) -> None:
    error = of_status(http_status, Fault(type=kind, code=code), {}, now=NOW)
    if kind is not None and any(character.isspace() for character in kind.strip()):
        assert kind not in error.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (429, errors.CloudRateLimited),
        ("429", errors.CloudRateLimited),
        (503, errors.CloudUnavailable),
        (400, errors.CloudRejected),
        (401, errors.CloudInternal),
        ("overloaded", errors.CloudInternal),
        (None, errors.CloudInternal),
    ],
)
def test_an_error_in_a_stream_counts_by_its_code(code: str | int | None, kind: type[errors.CloudError]) -> None:
    assert type(of_fault(Fault(code=code), now=NOW)) is kind
