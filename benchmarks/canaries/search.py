"""Looking for canaries in what was written, sent and kept."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

from benchmarks.canaries.canary import CASED, Canary, Leak, squeezed
from orchestrator.types import Sensitivity

_ESCAPE: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")


@dataclass(slots=True)
class Finds:
    """What a search came to."""

    leaks: list[Leak] = field(default_factory=list)
    missed: list[Leak] = field(default_factory=list)
    """Personal canaries that only their shape gave away, and that were not recognised."""
    typed: list[Leak] = field(default_factory=list)
    """Plain words of private records that the user typed, into a question for which those were not recalled: nothing
    tells them from any other word."""
    let_out: int = 0
    """Public canaries on the wire. They may be there, and show that the search sees it."""
    searched: Counter[str] = field(default_factory=Counter)
    """Bytes, by place."""

    def add(self, other: Finds) -> None:
        """Take in another search's."""
        self.leaks += other.leaks
        self.missed += other.missed
        self.typed += other.typed
        self.let_out += other.let_out
        self.searched += other.searched


def search(canaries: Iterable[Canary], texts: Iterable[tuple[str, bytes]], *, outside: bool) -> Finds:
    """Look for `canaries` in `texts`.

    Args:
        canaries: of one life.
        texts: places and what is there.
        outside: whether public ones may be there: on the wire, and at the model server. Nowhere else may a user's words
            be, of whatever label.
    """
    finds, canaries = Finds(), list(canaries)
    for place, text in texts:
        finds.searched[place] += len(text)
        for found in present(canaries, text, place):
            if not outside or found.canary.label is Sensitivity.PRIVATE:
                finds.leaks.append(found)
            elif found.canary.label is Sensitivity.PUBLIC:
                finds.let_out += 1
            elif found.canary.sure:
                finds.leaks.append(found)
            else:
                finds.missed.append(found)
    return finds


def present(canaries: Iterable[Canary], text: bytes, place: str) -> Iterator[Leak]:
    """Those that are in a text, each with the first form that it has there."""
    cased = b"\n".join(_variants(text))
    bare = squeezed(cased)
    for canary in canaries:
        for form, needle in canary.needles:
            if needle in (cased if form in CASED else bare):
                yield Leak(canary, form, place)
                break


def files(folder: Path, *, but: str) -> Iterator[tuple[str, bytes]]:
    """Every file in a folder whose name does not begin with `but`: names and bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(but):
            yield str(path.relative_to(folder)), path.read_bytes()


def memory(process_id: int) -> Iterator[bytes]:
    """All that a process on this machine has written into its memory, part by part. Linux only."""
    ranges = Path(f"/proc/{process_id}/maps").read_text(encoding="ascii", errors="replace").splitlines()
    with Path(f"/proc/{process_id}/mem").open("rb", buffering=0) as everything:
        for line in ranges:
            span, rights, *_ = line.split()
            if not rights.startswith("rw") or "[v" in line:
                continue
            begin, end = (int(side, 16) for side in span.split("-"))
            try:
                everything.seek(begin)
                yield everything.read(end - begin)
            except (OSError, ValueError):  # a part without pages
                continue


def search_memory(canaries: Iterable[Canary], process_id: int) -> Finds:
    """Look for canaries, as they are written, in the memory of a process that may know of none but the public ones."""
    finds, place = Finds(), "the gateway's memory"
    wanted = [(canary, part) for canary in canaries for part in canary.parts if canary.sure]
    for region in memory(process_id):
        written = b"".join(filter(None, region.split(b"\0" * 64)))
        finds.searched[place] += len(written)
        for canary, part in wanted:
            if part.encode() in written:
                if canary.label is Sensitivity.PUBLIC:
                    finds.let_out += 1
                else:
                    finds.leaks.append(Leak(canary, "as it is", place))
    return finds


def _variants(text: bytes) -> Iterator[bytes]:
    """The text, and as it is without the escapes of JSON and of URLs."""
    yield text
    if _ESCAPE.search(text):
        yield _ESCAPE.sub(lambda found: json.loads(b'"' + found[0] + b'"').encode(errors="replace"), text)
    if b"%" in text:
        yield unquote_to_bytes(text)
