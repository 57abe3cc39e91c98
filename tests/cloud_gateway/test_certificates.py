"""TLS and mutual TLS over real connections, with certificates that are renewed under open streams."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_gateway.certificates import Certificates
from cloud_gateway.config import GatewayConfig
from cloud_gateway.sections.tls import TlsSection
from cloud_gateway.server import running
from orchestrator import errors
from orchestrator.client import AsyncGateway, TlsOptions
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
HANG_S = 60
Configs = Callable[..., GatewayConfig]


class Authority:
    """Signs certificates, with the program openssl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pem, self._key = folder / "ca.pem", folder / "ca.key"
        _openssl("req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.pem, "-days", "2", "-subj", "/CN=ca")

    def issue(self, name: str, *, to: str | None = None) -> tuple[Path, Path]:
        """A certificate for `name` and its key, in files of that name or `to`."""
        pem, key, request = (self.folder / f"{to or name}.{kind}" for kind in ("pem", "key", "csr"))
        names = f"subjectAltName=DNS:{name}"
        _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}", "-addext", names)
        signed = ("-CA", self.pem, "-CAkey", self._key, "-CAcreateserial", "-days", "2", "-copy_extensions", "copy")
        _openssl("x509", "-req", "-in", request, *signed, "-out", pem)
        return pem, key


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl, which makes the certificates, is not installed")
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls(own: tuple[Path, Path], client_ca: Path | None = None) -> dict[str, Path | None]:
    return {"certificate_file": own[0], "key_file": own[1], "client_ca_file": client_ca}


def caller(authority: Authority, own: tuple[Path, Path] | None = None, server_name: str = "gateway") -> TlsOptions:
    pem, key = own or (None, None)
    return TlsOptions(ca_file=authority.pem, certificate_file=pem, key_file=key, server_name=server_name)


def presented(address: str) -> str:
    """The certificate that a new connection is shown."""
    host, _, port = address.rpartition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=HANG_S)


async def test_a_new_certificate_is_shown_to_new_connections_and_open_streams_go_on(
    gateway_config: Configs,
    upstream: SimulatedUpstream,
    api_key: str,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="cloud_gateway")
    own = authority.issue("gateway")
    upstream.replies = [Reply(hold_after=2), Reply()]
    async with (
        running(gateway_config(tls=tls(own)), environment={"TEST_KEY": api_key}) as gateway,
        AsyncGateway(gateway.address, api_key=api_key, model="small", tls=caller(authority)) as client,
        asyncio.timeout(HANG_S),
    ):
        stream = client.stream("Wait.")
        await anext(stream)
        await upstream.holding.wait()
        assert await asyncio.to_thread(presented, gateway.address) == own[0].read_text()
        authority.issue("renewed", to="gateway")
        async with AsyncGateway(
            gateway.address, api_key=api_key, model="small", tls=caller(authority, server_name="renewed")
        ) as newcomer:
            assert (await newcomer.generate("Hi")).text == "Bees make honey."
        assert await asyncio.to_thread(presented, gateway.address) == own[0].read_text()
        upstream.release.set()
        assert len([event async for event in stream]) == 5
    assert [record.message for record in caplog.records].count("certificate_reloaded") == 1


async def test_a_broken_certificate_keeps_the_old_one_and_is_logged(
    gateway_config: Configs, api_key: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    own = authority.issue("gateway")
    before = own[0].read_text()
    async with running(gateway_config(tls=tls(own)), environment={"TEST_KEY": api_key}) as gateway:
        own[0].write_text("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n")
        assert await asyncio.to_thread(presented, gateway.address) == before
        assert await asyncio.to_thread(presented, gateway.address) == before
        own[1].unlink()
        assert await asyncio.to_thread(presented, gateway.address) == before
        authority.issue("gateway")
        assert await asyncio.to_thread(presented, gateway.address) == own[0].read_text() != before
    failed = [record.fields["error"] for record in caplog.records if record.message == "certificate_not_reloaded"]  # type: ignore[attr-defined]
    assert len(failed) == 2  # once for each change, however many connect
    assert "are no pair" in failed[0]
    assert "gateway.key cannot be read" in failed[1]


async def test_without_a_certificate_of_the_authority_nobody_connects(
    gateway_config: Configs, api_key: str, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    stranger = Authority(tmp_path / "elsewhere").issue("phone")
    config = gateway_config(tls=tls(authority.issue("gateway"), authority.pem))
    async with running(config, environment={"TEST_KEY": api_key}) as gateway, asyncio.timeout(HANG_S):
        known = caller(authority, authority.issue("phone"))
        async with AsyncGateway(gateway.address, api_key=api_key, model="small", tls=known) as client:
            assert (await client.generate("Hi")).text
        async with AsyncGateway(gateway.address, model="small", tls=known) as client:
            with pytest.raises(
                errors.CloudUnauthenticated, match="no API key"
            ):  # it does not stand for a key by itself
                await client.generate("Hi")
        for options in (caller(authority), caller(authority, stranger)):
            async with AsyncGateway(gateway.address, api_key=api_key, model="small", tls=options) as client:
                with pytest.raises(errors.CloudUnavailable):
                    await client.generate("Hi")


async def test_a_certificate_can_stand_for_a_key_and_has_its_scope(
    gateway_config: Configs, api_key: str, authority: Authority
) -> None:
    config = gateway_config(
        tls=tls(authority.issue("gateway"), authority.pem),
        keys=[
            {"name": "tester", "key_env": "TEST_KEY"},
            {"name": "phone", "certificate": "phone.example", "models": ["small"]},
        ],
    )
    async with running(config, environment={"TEST_KEY": api_key}) as gateway, asyncio.timeout(HANG_S):
        options = caller(authority, authority.issue("phone.example"))
        async with AsyncGateway(gateway.address, model="small", tls=options) as client:
            assert [model.name for model in await client.models()] == ["small"]
        async with AsyncGateway(gateway.address, api_key=api_key, model="small", tls=options) as client:
            assert len(await client.models()) == 2  # a key goes before a certificate
        async with AsyncGateway(gateway.address, api_key="wrong" * 8, model="small", tls=options) as client:
            with pytest.raises(errors.CloudUnauthenticated):
                await client.models()
        options = caller(authority, authority.issue("phone.example.elsewhere"))
        async with AsyncGateway(gateway.address, model="small", tls=options) as client:
            with pytest.raises(errors.CloudUnauthenticated):
                await client.models()


@pytest.mark.parametrize(("version", "spoken"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
async def test_tls_is_of_version_1_2_or_1_3(
    gateway_config: Configs, api_key: str, authority: Authority, version: str, spoken: bool
) -> None:
    context = ssl.create_default_context(cafile=str(authority.pem))
    context.set_ciphers("ALL:@SECLEVEL=0")  # what is refused shall be refused by the gateway
    context.set_alpn_protocols(["h2"])
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

    def shake(address: str) -> str | None:
        host, _, port = address.rpartition(":")
        with (
            socket.create_connection((host, int(port)), timeout=HANG_S) as plain,
            context.wrap_socket(plain, server_hostname="gateway") as link,
        ):
            return link.version()

    config = gateway_config(tls=tls(authority.issue("gateway")))
    async with running(config, environment={"TEST_KEY": api_key}) as gateway:
        if spoken:
            assert await asyncio.to_thread(shake, gateway.address) == version.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError, match=r"EOF occurred|alert protocol version"):  # said by the gateway
                await asyncio.to_thread(shake, gateway.address)


def test_files_that_do_not_fit_are_named_at_the_start(authority: Authority, tmp_path: Path) -> None:
    own, other = authority.issue("gateway"), authority.issue("other")
    with pytest.raises(errors.ConfigError, match=r"gateway\.pem and .*other\.key are no pair"):
        Certificates(TlsSection(certificate_file=own[0], key_file=other[1]))
    empty = tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(errors.ConfigError, match=r"empty\.pem holds no certificate of an authority"):
        Certificates(TlsSection(certificate_file=own[0], key_file=own[1], client_ca_file=empty))
