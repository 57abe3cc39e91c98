"""What a key has used, to protobuf and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from orchestrator.accounts import Owner, Quantity, Stretch, WindowUsage
from orchestrator.errors import CloudInternal
from orchestrator.v1 import gateway_service_pb2

_OWNERS: Final = {
    Owner.KEY: gateway_service_pb2.WINDOW_OWNER_KEY,
    Owner.TENANT: gateway_service_pb2.WINDOW_OWNER_TENANT,
}
_OWNER_NAMES: Final[dict[int, Owner]] = {number: owner for owner, number in _OWNERS.items()}
_STRETCHES: Final = {
    Stretch.MINUTE: gateway_service_pb2.WINDOW_STRETCH_MINUTE,
    Stretch.HOUR: gateway_service_pb2.WINDOW_STRETCH_HOUR,
    Stretch.DAY: gateway_service_pb2.WINDOW_STRETCH_DAY,
    Stretch.MONTH: gateway_service_pb2.WINDOW_STRETCH_MONTH,
}
_STRETCH_NAMES: Final[dict[int, Stretch]] = {number: stretch for stretch, number in _STRETCHES.items()}


def encode_usage(windows: Iterable[WindowUsage]) -> gateway_service_pb2.GetUsageResponse:
    """The windows."""
    return gateway_service_pb2.GetUsageResponse(windows=map(_encode_window, windows))


def decode_usage(message: gateway_service_pb2.GetUsageResponse) -> list[WindowUsage]:
    """The windows in `message`, but those of a kind that a newer gateway may send and this client does not know.

    Raises:
        CloudInternal: a figure is negative, or a time is none.
    """
    return [
        _decode_window(window)
        for window in message.windows
        if window.owner in _OWNER_NAMES and window.stretch in _STRETCH_NAMES
    ]


def _encode_window(window: WindowUsage) -> gateway_service_pb2.WindowUsage:
    return gateway_service_pb2.WindowUsage(
        owner=_OWNERS[window.owner],
        name=window.name,
        stretch=_STRETCHES[window.stretch],
        begins_s=int(window.begins.timestamp()),
        ends_s=int(window.ends.timestamp()),
        requests=_encode_quantity(window.requests),
        tokens=_encode_quantity(window.tokens),
        nano_usd=_encode_quantity(window.nano_usd),
    )


def _decode_window(message: gateway_service_pb2.WindowUsage) -> WindowUsage:
    return WindowUsage(
        owner=_OWNER_NAMES[message.owner],
        name=message.name,
        stretch=_STRETCH_NAMES[message.stretch],
        begins=_decode_moment(message.begins_s),
        ends=_decode_moment(message.ends_s),
        requests=_decode_quantity(message.requests),
        tokens=_decode_quantity(message.tokens),
        nano_usd=_decode_quantity(message.nano_usd),
    )


def _encode_quantity(quantity: Quantity) -> gateway_service_pb2.Quantity:
    return gateway_service_pb2.Quantity(spent=quantity.spent, reserved=quantity.reserved, limit=quantity.limit)


def _decode_quantity(message: gateway_service_pb2.Quantity) -> Quantity:
    if min(message.spent, message.reserved, message.limit) < 0:
        raise _nonsense("a negative figure")
    return Quantity(message.spent, message.reserved, message.limit if message.HasField("limit") else None)


def _decode_moment(second: int) -> datetime:
    try:
        return datetime.fromtimestamp(second, UTC)
    except (OverflowError, OSError, ValueError):
        raise _nonsense("a time that is none") from None


def _nonsense(what: str) -> CloudInternal:
    return CloudInternal(f"the gateway sent {what}", remedy="its version and this client's may not fit together")
