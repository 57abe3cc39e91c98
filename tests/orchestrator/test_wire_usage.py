"""Usage over the wire, and what makes no sense there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.accounts import Owner, Quantity, Stretch, WindowUsage
from orchestrator.errors import CloudInternal
from orchestrator.v1 import gateway_service_pb2
from orchestrator.wire.usage import decode_usage, encode_usage

AMOUNTS = st.integers(0, 2**63 - 1)
QUANTITIES = st.builds(Quantity, AMOUNTS, AMOUNTS, st.none() | AMOUNTS)
MOMENTS = st.integers(0, 2**33).map(lambda second: datetime.fromtimestamp(second, UTC))
WINDOWS = st.builds(
    WindowUsage,
    owner=st.sampled_from(Owner),
    name=st.text(max_size=10),
    stretch=st.sampled_from(Stretch),
    begins=MOMENTS,
    ends=MOMENTS,
    requests=QUANTITIES,
    tokens=QUANTITIES,
    nano_usd=QUANTITIES,
)


@given(st.lists(WINDOWS, max_size=4))
def test_there_and_back(windows: list[WindowUsage]) -> None:
    message = encode_usage(windows)
    assert decode_usage(gateway_service_pb2.GetUsageResponse.FromString(message.SerializeToString())) == windows


def window(**fields: Any) -> gateway_service_pb2.GetUsageResponse:
    whole: dict[str, Any] = {"owner": 1, "stretch": 1}
    return gateway_service_pb2.GetUsageResponse(windows=[gateway_service_pb2.WindowUsage(**whole | fields)])


@pytest.mark.parametrize(
    "nonsense", [{"tokens": {"spent": -1}}, {"requests": {"limit": -1}}, {"begins_s": 2**62}, {"ends_s": -(2**62)}]
)
def test_nonsense_is_the_gateways_fault(nonsense: dict[str, Any]) -> None:
    with pytest.raises(CloudInternal, match="the gateway sent"):
        decode_usage(window(**nonsense))


@pytest.mark.parametrize("unknown", [{"owner": 9}, {"stretch": 9}, {"owner": 0}])
def test_kinds_of_a_newer_gateway_are_passed_over(unknown: dict[str, int]) -> None:
    assert decode_usage(window(**unknown)) == []
