"""What can be looked into by hand."""

from __future__ import annotations

from orchestrator.settings import Section


class DebugSection(Section):
    """What can be looked into by hand, with a key as for everything else."""

    reflection: bool = False
    """Let clients such as grpcurl ask which services and messages there are."""
    channelz: bool = False
    """Let them ask gRPC for its channels, sockets and counts, of the whole process."""
