"""How much memory this process takes."""

from __future__ import annotations

import sys


def peak_memory_mb() -> float | None:
    """The most that was resident so far, Python and its libraries included; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6  # macOS counts bytes, Linux kibibytes
