"""The machine and the versions that figures belong to."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from edge_agent.slm.cores import usable_cores

_PACKAGES = ("onnxruntime", "onnxruntime-genai", "llama-cpp-python", "numpy")
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm", "sve")


def describe(threads: int) -> dict[str, str]:
    """What must stand beside every figure, in words."""
    instructions = [name for name in _FLAGS if name in _cpu("flags").split() or name in _cpu("Features").split()]
    return {
        "processor": _cpu("model name") or platform.processor() or platform.machine(),
        "instructions": ", ".join(instructions) or "not known",
        "AMX": "yes" if "amx_int8" in instructions else "no",
        "cores": f"{usable_cores()} usable of {os.cpu_count()}",
        "threads": str(threads),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version for name in _PACKAGES if (version := _version(name))},
        "llama.cpp build": llama_build(),
    }


def llama_build() -> str:
    """Which of the kernels that matter here llama.cpp was compiled with, as it says itself."""
    try:
        import llama_cpp
    except (ImportError, OSError):
        return "not installed"
    told = llama_cpp.llama_print_system_info().decode()
    on = {
        name.strip().split(":")[-1].strip()
        for name, _, value in (part.partition("=") for part in told.split("|"))
        if value.strip() == "1"
    }
    kinds = [
        name for name in ("AMX_INT8", "AVX512_VNNI", "AVX512", "AVX_VNNI", "AVX2", "NEON", "DOTPROD") if name in on
    ]
    return ", ".join(kinds) or "generic"


def _cpu(field: str) -> str:
    """The first value of a field of Linux's /proc/cpuinfo; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
