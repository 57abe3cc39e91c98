"""Who computes: what keys and values saved by one process must agree on with another that would use them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from edge_agent.slm.installed import MANIFEST
from edge_agent.slm.providers import Provider


def identity_of(
    folder: Path, *, threads: int, providers: Sequence[Provider], cpuinfo: Path = Path("/proc/cpuinfo")
) -> str:
    """SHA-256, in hexadecimal, over a model and all that its results depend on to the bit.

    The manifest stands for the model: it holds the SHA-256 of every file and the version of the converter. The
    processor counts, because the runtime has other kernels for other instruction sets.

    Args:
        folder: of an installed model.
        threads, providers: as the session has them.
        cpuinfo: where Linux describes the processor.

    Returns:
        An empty string for a folder without a manifest: nobody knows whether it is still what it was.
    """
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except OSError:
        return ""
    told = hashlib.sha256(manifest)
    told.update(repr((onnxruntime.__version__, threads, tuple(providers), _processor(cpuinfo))).encode())
    return told.hexdigest()


def _processor(cpuinfo: Path) -> str:
    """The machine's architecture and what its first core can do."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    able = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {able}"
