"""How much memory this process takes."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def peak_memory_mb() -> float | None:
    """The most that was resident so far, Python and its libraries included; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    if sys.platform == "linux":
        # Not getrusage: there a process begins with the peak of the one that started it.
        peak = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
        return int(peak[1]) * 1024 / 1e6 if peak else None
    import resource

    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_rss * (1 if sys.platform == "darwin" else 1024) / 1e6  # macOS counts bytes, others kibibytes
