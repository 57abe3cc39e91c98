"""What gRPC's core is told: what a connection and a message may take."""

from __future__ import annotations

from typing import Final

from cloud_gateway.config import GatewayConfig

METADATA_BYTES: Final = 16 * 1024
"""Of one call: an API key and little else. Each entry counts 32 bytes more, so there are at most 512."""
_GRACE_S: Final = 5.0
_CONSTANT: Final[tuple[tuple[str, int], ...]] = (
    # Two gateways on one port would share the calls by chance; the second one gets an error instead.
    ("grpc.so_reuseport", 0),
    # Clients may look every 10 s whether the link still lives, while they wait for an answer. Who does so more often
    # is cut off at the third time.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.keepalive_permit_without_calls", 0),
    # Below the first every call may have so much; without the second, gRPC draws lots above it.
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
)


def options(config: GatewayConfig) -> list[tuple[str, int]]:
    """The options of the server."""
    limits, connections = config.limits, config.connections
    return [
        *_CONSTANT,
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", limits.message_bytes),
        ("grpc.server_handshake_timeout_ms", _ms(connections.handshake_s)),
        ("grpc.max_connection_idle_ms", _ms(connections.idle_s)),
        ("grpc.max_connection_age_ms", _ms(connections.age_s)),
        # Until the longest answer has ended by itself.
        ("grpc.max_connection_age_grace_ms", _ms(connections.request_s + limits.request_s + _GRACE_S)),
        ("grpc.keepalive_time_ms", _ms(connections.ping_s)),
        ("grpc.keepalive_timeout_ms", _ms(connections.ping_answer_s)),
        # Of the pings that measure the connection, too: while one has no answer, no other is sent.
        ("grpc.http2.ping_timeout_ms", _ms(connections.ping_answer_s)),
        # Calls that the process has not even taken: room for a burst, and no more, for they make all later ones wait.
        # gRPC's core drops others, which costs little: at random between these two, and above the second all.
        ("grpc.server.max_pending_requests", config.admission.pending),
        ("grpc.server.max_pending_requests_hard_limit", 2 * config.admission.pending),
        ("grpc.max_concurrent_streams", connections.streams),
    ]


def _ms(seconds: float) -> int:
    # gRPC counts in 32 bits.
    return min(max(1, round(seconds * 1000)), 2**31 - 1)
