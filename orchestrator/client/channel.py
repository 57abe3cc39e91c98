"""How a channel to a gateway is made: its options, its retries, its credentials."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import grpc.aio

from orchestrator.client.forks import FORK_GUARD
from orchestrator.errors import ConfigError
from orchestrator.wire.limits import MAX_MESSAGE_BYTES

SERVICE: Final = "orchestrator.v1.GatewayService"
MAX_ATTEMPTS: Final = 3
"""How often the channel sends one call, at most."""
SERVICE_CONFIG: Final = {
    "methodConfig": [
        {
            "name": [{"service": SERVICE}],
            # The channel's only retries. UNAVAILABLE says that nothing was answered, and the request id makes sure
            # that nothing is billed twice. Few and quick: a device that waits would rather answer by itself. A server
            # that says how long to wait (`grpc-retry-pushback-ms`) is obeyed.
            "retryPolicy": {
                "maxAttempts": MAX_ATTEMPTS,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    # Where half of the calls of late have failed, retries pause: they never make a storm worse.
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.5},
    # One connection, to an address drawn by lot where the name has several: a fleet spreads by itself, and a device's
    # radio tends no connection that it does not need. Where the connection fails, the next address is tried.
    "loadBalancingConfig": [{"pick_first": {"shuffleAddressList": True}}],
}
SPREAD: Final = {
    # Calls in turn to every address that is connected and serves. The standard health service tells of the latter in a
    # call that stays open, so this is for servers, not for radios.
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": SERVICE},
}
"""What is different where calls are spread over all addresses of a name."""

CHANNEL_OPTIONS: Final[tuple[tuple[str, str | int], ...]] = (
    # No service config from DNS: this table is the whole truth.
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A dead link is noticed in 30 s while a call waits, however long: without the zero, pings would cease after two.
    # An idle one sends nothing: a radio that sleeps stays asleep. Our gateways allow a ping every 10 s.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 0),
    # Mobile networks forget a silent connection after some five minutes, and tell nobody: the next call would wait
    # until a ping fails. So it is given up before, and made anew with that call.
    ("grpc.client_idle_timeout_ms", 240_000),
    # A gateway that comes back is found in seconds; gRPC by itself would wait up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # The longest that one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # Two clients of one gateway share no connection, and so no back-off either.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """TLS to a gateway, with the usual public authorities unless `ca_file` names others."""

    ca_file: Path | str | None = None
    """PEM file of the authorities to trust."""
    certificate_file: Path | str | None = None
    """PEM file of the client's own certificate chain, for mutual TLS; needs `key_file`."""
    key_file: Path | str | None = None
    server_name: str | None = None
    """The name that the gateway's certificate must have, where it is not the target's host."""


def check_target(target: str, *, api_key: str | None, tls: TlsOptions | None, allow_clear_text: bool) -> None:
    """Pass a target that can be called without giving the key away.

    Raises:
        ConfigError: it is no address, the key is no key, or the key would cross a network in clear text.
    """
    if not target or re.match(r"https?://", target):
        raise ConfigError(f"{target!r} is not a gateway's address", remedy="give host:port, without a scheme")
    if api_key is not None and not re.fullmatch(r"[!-~]+", api_key):
        raise ConfigError("the API key has characters that no key has", remedy="look for a line break at its end")
    if api_key is not None and tls is None and not allow_clear_text and not is_loopback(target):
        raise ConfigError(
            f"the API key would travel to {target} in clear text",
            remedy="pass tls=TlsOptions(), or allow_clear_text=True where the network itself is trusted",
        )


def open_channel(target: str, *, api_key: str | None, tls: TlsOptions | None, spread: bool = False) -> grpc.aio.Channel:
    """A channel to `target`. It connects at the first call.

    Args:
        target: `host:port`, or any target that gRPC resolves.
        api_key: sent with every call by a channel with TLS; gRPC allows that over TLS alone.
        tls: TLS options; None for clear text.
        spread: send calls to all addresses of the name in turn, rather than to one of them.

    Raises:
        ConfigError: a file of `tls` cannot be read.
        InvalidRequest: this process was forked from one that has used a client.
    """
    FORK_GUARD.check(target)
    config = SERVICE_CONFIG | SPREAD if spread else SERVICE_CONFIG
    options: list[tuple[str, str | int]] = [("grpc.service_config", json.dumps(config)), *CHANNEL_OPTIONS]
    if is_loopback(target):
        # A proxy from the environment is for the world outside.
        options.append(("grpc.enable_http_proxy", 0))
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    if tls.server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_read(tls.ca_file),
        private_key=_read(tls.key_file),
        certificate_chain=_read(tls.certificate_file),
    )
    if api_key is not None:
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(api_key))
    return grpc.aio.secure_channel(target, credentials, options=options)


def is_loopback(target: str) -> bool:
    """Whether `target` is this machine: a loopback address, `localhost` or a Unix socket."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    address = re.sub(r"^(dns:(//[^/]*/)?|ipv[46]:)", "", target)
    host = re.sub(r":\d+$", "", address) if address.startswith("[") or address.count(":") == 1 else address
    host = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(file: Path | str | None) -> bytes | None:
    if file is None:
        return None
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(f"the TLS file {file} cannot be read: {error.strerror}") from None
