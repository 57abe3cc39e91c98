"""The gateway's own certificate."""

from __future__ import annotations

from pathlib import Path

from orchestrator.settings import Section


class TlsSection(Section):
    """The gateway's own certificate. Without this section it speaks clear text."""

    certificate_file: Path
    key_file: Path
