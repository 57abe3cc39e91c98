"""What of a process's memory is for what: from Python alone to a model that has read and written.

`python -m benchmarks.memory [--model NAME] [--threads N] [--json]` starts a process for it and prints what is resident
at each stage: megabytes of its own (`anonymous`), of files mapped into it, which the system can drop and read again,
and the most so far. Linux only, where the kernel tells.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_agent.slm.cores import usable_cores

_READ_TOKENS, _WRITTEN_TOKENS = 512, 16
_FIELD = re.compile(r"^(VmHWM|RssAnon|RssFile):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stage:
    """Megabytes resident after a stage, and the most until then."""

    name: str
    anonymous_mb: float
    file_mb: float
    peak_mb: float


def stages(folder: Path, threads: int) -> list[Stage]:
    """Load the model in `folder`, read 512 tokens and write 16; run in a process that did nothing else before."""
    return list(_stages(folder, threads))


def _stages(folder: Path, threads: int) -> Iterator[Stage]:
    yield _stage("Python")
    for module in ("numpy", "onnxruntime", "edge_agent.slm.model"):
        importlib.import_module(module)
        yield _stage(f"import {module}")
    from edge_agent.slm.decoder import Decoder
    from edge_agent.slm.folder import ModelFolder
    from edge_agent.slm.interrupt import Interrupt
    from edge_agent.slm.session import Session

    files = ModelFolder(folder)
    session = Session.open(files.graph, threads=threads, sizes=files.sizes)
    yield _stage("model loaded")
    decoder = Decoder(session, window=2 * _READ_TOKENS, weight_bytes=0)
    cache = decoder.new_cache()
    for at in range(0, _READ_TOKENS, 128):
        tokens = [token * 31 % session.signature.vocabulary for token in range(at, at + 128)]
        decoder.forward(cache, tokens, Interrupt())
    yield _stage(f"{_READ_TOKENS} tokens read")
    for token in range(_WRITTEN_TOKENS):
        decoder.forward(cache, [token], Interrupt())
    yield _stage(f"{_WRITTEN_TOKENS} tokens written")


def _stage(name: str) -> Stage:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = {field: int(kilobytes) * 1024 / 1e6 for field, kilobytes in _FIELD.findall(status)}
    return Stage(name, found["RssAnon"], found["RssFile"], found["VmHWM"])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure one model and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct", help="a catalog name, pulled where it is missing")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    # Not where the measured process would import it, too.
    from edge_agent.slm.pull import ensure

    folder = ensure(options.model)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        found = process.submit(stages, folder, options.threads).result()
    if options.json:
        print(json.dumps([asdict(stage) for stage in found], indent=2))
        return
    print("| after | anonymous MB | of files MB | peak MB |\n|---|---|---|---|")
    for stage in found:
        print(f"| {stage.name} | {stage.anonymous_mb:.0f} | {stage.file_mb:.0f} | {stage.peak_mb:.0f} |")


if __name__ == "__main__":
    main()
