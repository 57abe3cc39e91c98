"""TLS: certificates that are renewed while the gateway runs."""

from __future__ import annotations

import logging
import os
import ssl
from pathlib import Path
from typing import Final

import grpc

from cloud_gateway.sections.tls import TlsSection
from orchestrator.errors import ConfigError

_REMEDY: Final = "do certificate and key belong together, and is each of them PEM without a password?"
_log = logging.getLogger(__name__)


class Certificates:
    """The certificate and the key of the gateway, and the authorities of its callers, as their files are now.

    gRPC asks for them at every new connection. Connections that are open keep what they began with.
    """

    def __init__(self, tls: TlsSection) -> None:
        """Those in the files of `tls`.

        Raises:
            ConfigError: a file cannot be read, or they do not fit together.
        """
        self._tls = tls
        self._stamp = self._stamps()
        self._first = self._read()

    @property
    def credentials(self) -> grpc.ServerCredentials:
        """What the server listens with."""
        mutual = self._tls.client_ca_file is not None
        return grpc.dynamic_ssl_server_credentials(
            self._first,
            self._renewed,  # type: ignore[arg-type]  # None is said in the documentation, not in the stubs
            require_client_authentication=mutual,
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What is in the files, if that is new and works; None leaves everything as it is."""
        stamp = self._stamps()
        if stamp == self._stamp:
            return None
        try:
            renewed = self._read()
        except ConfigError as error:
            _log.error("certificate_not_reloaded", extra={"fields": {"error": str(error)}})
            renewed = None
        # Of files that change meanwhile nobody knows which were read together: the next connection looks again.
        if self._stamps() != stamp:
            return None
        self._stamp = stamp
        if renewed is not None:
            _log.info("certificate_reloaded", extra={"fields": {"file": str(self._tls.certificate_file)}})
        return renewed

    def _read(self) -> grpc.ServerCertificateConfiguration:
        tls = self._tls
        own = [(_pem(tls.key_file), _pem(tls.certificate_file))]
        authorities = None if tls.client_ca_file is None else _pem(tls.client_ca_file)
        _check(tls)
        return grpc.ssl_server_certificate_configuration(own, authorities)

    def _stamps(self) -> tuple[tuple[int, ...] | None, ...]:
        return tuple(_stamp(file) for file in self._tls.files)


def _check(tls: TlsSection) -> None:
    """What gRPC would only find out at a handshake, and then would not say."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A key that has a password is no use here; without one at hand, OpenSSL would ask for it at the terminal.
        context.load_cert_chain(tls.certificate_file, tls.key_file, password="")
    except (OSError, ValueError):
        raise ConfigError(f"{tls.certificate_file} and {tls.key_file} are no pair", remedy=_REMEDY) from None
    if tls.client_ca_file is None:
        return
    try:
        context.load_verify_locations(tls.client_ca_file)
    except OSError:
        raise ConfigError(f"{tls.client_ca_file} holds no certificate of an authority", remedy="it is PEM") from None


def _pem(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"the TLS file {file} cannot be read: {error.strerror}") from None


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
