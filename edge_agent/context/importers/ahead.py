"""Large files are read, and what they hold is prepared, by a second process, ahead of the one that writes it.

Each has a core of its own.

Threads would not do: SQLite gives the interpreter away at every statement, and gets it back from a thread that reads
only milliseconds later.

The second process is a plain `python -c`, and no child of `multiprocessing`: that would run the program's main module
again, which in an app that embeds the agent may be anything. It writes batches to a pipe that holds one of them at
most, so it is never far ahead, and it ends by itself when nobody reads them any more. Should it end too early, or not
start at all, the rest is read here.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Final

from edge_agent.context.importers.formats import entries
from edge_agent.context.importers.reading import Skipped
from edge_agent.context.labels import Labels
from edge_agent.context.preparing import Prepared, prepare
from edge_agent.slm.cores import usable_cores

_LARGE_BYTES: Final = 8 * 2**20
"""A process starts in half a second, as long as it takes to read so much mail."""
_PROGRAM: Final = "from edge_agent.context.importers.ahead import main; main()"
_BROKEN: Final = (EOFError, pickle.UnpicklingError, OSError)
"""What a pipe gives whose writer was killed."""


Batch = list[Prepared | Skipped]


def batches(path: Path, size: int, rules: Labels) -> Generator[Batch, None, None]:
    """The entries of one file, `size` at a time, prepared by these rules. Close the iterator if it is left early.

    Raises:
        InvalidRequest: an item cannot be a record; see `prepare`.
    """
    given = 0
    if _is_worth_it(path):
        with _reader(path, size, rules) as pipe:
            while pipe is not None and (batch := _next(pipe)) is not None:
                if not batch:
                    return
                given += len(batch)
                yield batch
    yield from _batches(path, size, rules, given)


def main() -> None:
    """The second process: batches of the file that is named, an empty one at the end. The rules come to it first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the one that imports, which ends this one
    path, size = Path(sys.argv[1]), int(sys.argv[2])
    rules: Labels = pickle.load(sys.stdin.buffer)
    try:
        for batch in _batches(path, size, rules):
            _send(batch)
        _send([])
    except BrokenPipeError:
        os._exit(0)  # the importing process is gone; closing standard output would only fail again


def _is_worth_it(path: Path) -> bool:
    """Whether a file is large, and there is a core, and an interpreter, to read it beside this one.

    In a frozen program `sys.executable` is that program.
    """
    try:
        large = path.stat().st_size >= _LARGE_BYTES
    except OSError:
        return False
    return large and bool(sys.executable) and not getattr(sys, "frozen", False) and usable_cores() > 1


@contextmanager
def _reader(path: Path, size: int, rules: Labels) -> Iterator[IO[bytes] | None]:
    """Where the batches of the second process come from; None where none can be started. It is gone afterwards."""
    # -P, so that a module in the folder where the user happens to be is none of ours.
    command = [sys.executable, "-P", "-c", _PROGRAM, str(path), str(size)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a trace could quote what the file says
            env=environment,
        )
    except OSError:
        yield None
        return
    with process:
        try:
            _tell(process, rules)
            yield process.stdout
        finally:
            process.kill()


def _tell(process: subprocess.Popen[bytes], rules: Labels) -> None:
    """Give a second process the rules. Whether it is still there to take them shows when it is read from."""
    assert process.stdin is not None
    with suppress(OSError), process.stdin:
        pickle.dump(rules, process.stdin, pickle.HIGHEST_PROTOCOL)


def _next(pipe: IO[bytes]) -> Batch | None:
    """The next batch; None where the second process ended too early."""
    try:
        batch: Batch = pickle.load(pipe)
    except _BROKEN:
        return None
    return batch


def _send(batch: Batch) -> None:
    pickle.dump(batch, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
    sys.stdout.buffer.flush()


def _batches(path: Path, size: int, rules: Labels, start: int = 0) -> Iterator[Batch]:
    found = islice(entries(path), start, None)
    while batch := [each if isinstance(each, Skipped) else prepare(each, rules) for each in islice(found, size)]:
        yield batch
