"""Addresses, keys and options of a channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import errors
from orchestrator.client import AsyncGateway, Gateway, TlsOptions
from orchestrator.client.channel import SERVICE_CONFIG, is_loopback, open_channel


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051",
        "127.9.9.9:1",
        "localhost:50051",
        "LOCALHOST:1",
        "localhost",
        "[::1]:50051",
        "::1",
        "ipv4:127.0.0.1:50051",
        "ipv6:[::1]:50051",
        "dns:localhost:50051",
        "dns:///localhost:50051",
        "unix:/run/gateway.sock",
        "unix-abstract:gateway",
    ],
)
def test_this_machine(target: str) -> None:
    assert is_loopback(target)
    AsyncGateway(target, api_key="secret")


@pytest.mark.parametrize(
    "target",
    [
        "gateway:50051",
        "gateway.example.com:443",
        "10.0.0.1:50051",
        "128.0.0.1:50051",
        "localhost.example.com:1",
        "ipv4:10.0.0.1:50051",
        "ipv4:127.0.0.1:1,10.0.0.1:1",
        "dns://127.0.0.1/gateway.example.com:1",
        "[2001:db8::1]:50051",
        "127.0.0.1.example.com:1",
    ],
)
def test_another_machine_gets_no_key_in_clear_text(target: str) -> None:
    assert not is_loopback(target)
    with pytest.raises(errors.ConfigError, match="clear text") as refused:
        Gateway(target, api_key="secret-key")
    assert "secret-key" not in str(refused.value)
    AsyncGateway(target, api_key="secret-key", allow_clear_text=True)
    AsyncGateway(target, api_key="secret-key", tls=TlsOptions())
    AsyncGateway(target)


@pytest.mark.parametrize("target", ["", "http://localhost:50051", "https://gateway.example.com"])
def test_what_is_no_address_is_refused(target: str) -> None:
    with pytest.raises(errors.ConfigError, match="host:port"):
        AsyncGateway(target)


@pytest.mark.parametrize("key", ["", "two words", "with-a-line-break\n", "schlüssel"])
def test_what_is_no_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(errors.ConfigError) as refused:
        AsyncGateway("localhost:1", api_key=key)
    assert not key or key not in str(refused.value)


def test_a_tls_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"ca\.pem"):
        open_channel("gateway:1", api_key=None, tls=TlsOptions(ca_file=tmp_path / "ca.pem"))


def test_only_unavailable_is_retried() -> None:
    methods: Any = SERVICE_CONFIG["methodConfig"]
    assert [method["retryPolicy"]["retryableStatusCodes"] for method in methods] == [["UNAVAILABLE"]]
