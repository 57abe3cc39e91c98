"""The gateway's own certificate, and whose certificates of callers it accepts."""

from __future__ import annotations

from pathlib import Path

from orchestrator.settings import Section


class TlsSection(Section):
    """The gateway's own certificate. Without this section it speaks clear text. TLS is 1.2 or 1.3, as gRPC has it."""

    certificate_file: Path
    """Read again when it changes, and so are the other files."""
    key_file: Path
    client_ca_file: Path | None = None
    """Mutual TLS: nobody connects without a certificate of these authorities."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that there are."""
        own = (self.certificate_file, self.key_file)
        return own if self.client_ca_file is None else (*own, self.client_ca_file)
