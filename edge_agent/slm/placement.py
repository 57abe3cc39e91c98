"""What of a graph an execution provider runs, what falls back to the CPU, and what share of the time that takes.

What runs where is ONNX Runtime's own word (it records the assignment), and so are the times (its profile).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import onnxruntime

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.providers import Provider
from edge_agent.slm.session import Session

_PREFILL_TOKENS = 128
_PASSES = 8


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the operators of a graph run under one provider.

    Attributes:
        own: how many of each type the provider runs.
        fallen: how many of each type fall back to the CPU.
        prefill_share, decode_share: of the time of a pass over 128 tokens, and over one, what the fallen ones take.
        prefill_ms, decode_ms: medians of whole passes.
    """

    provider: str
    own: Mapping[str, int]
    fallen: Mapping[str, int]
    prefill_share: float
    decode_share: float
    prefill_ms: float
    decode_ms: float


@dataclass(frozen=True, slots=True)
class _Pass:
    ms: float
    fallen_ms: float
    operators_ms: float


def placement(graph: Path, provider: Provider, *, threads: int) -> Placement:
    """Load `graph` with `provider`, run passes over one and over many tokens, and look where the time went.

    Raises:
        ConfigError: the provider is not there, or cannot load the graph.
        ModelError: the graph cannot be used, or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = Session.open(graph, threads=threads, providers=(provider,), profile=Path(folder, "passes"))
        _run_passes(session)
        events = json.loads(session.end_profile().read_text(encoding="utf-8"))
    prefills, decodes = _passes(events, provider.kind.name)
    own, fallen = Counter[str](), Counter[str]()
    for name, operator in session.assignment:
        (fallen if name != provider.kind.name else own)[operator] += 1
    return Placement(
        provider.kind.short,
        dict(own.most_common()),
        dict(fallen.most_common()),
        prefill_share=_fallen_share(prefills),
        decode_share=_fallen_share(decodes),
        prefill_ms=median(one.ms for one in prefills),
        decode_ms=median(one.ms for one in decodes),
    )


class Placements:
    """Placements found before, in a JSON file: finding one takes seconds, and it holds until something changes."""

    def __init__(self, file: Path) -> None:
        """Args:
        file: where they are kept; what cannot be read counts as empty.
        """
        self._file = file

    def of(self, graph: Path, provider: Provider, *, threads: int) -> Placement:
        """As `placement`, from the file where it is there."""
        known, key = self._read(), _key(graph, provider, threads)
        if key in known:
            return Placement(**known[key])
        found = placement(graph, provider, threads=threads)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(known | {key: asdict(found)}, indent=1), encoding="utf-8")
        beside.replace(self._file)
        return found

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}


def _key(graph: Path, provider: Provider, threads: int) -> str:
    """What a placement depends on: the graph as it is now, the runtime, the provider, the threads."""
    stat = graph.stat()
    told = (str(graph), stat.st_size, stat.st_mtime_ns, onnxruntime.__version__, repr(provider), threads)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _run_passes(session: Session) -> None:
    """One pass of each kind that does not count, then `_PASSES` of each; every prefill into an empty cache."""
    decoder = Decoder(session, window=2 * _PREFILL_TOKENS, weight_bytes=0)
    cache, tokens = decoder.new_cache(), list(range(_PREFILL_TOKENS))
    for _ in range(1 + _PASSES):
        cache.truncate(0)
        decoder.forward(cache, [token % session.signature.vocabulary for token in tokens], Interrupt())
    for _ in range(1 + _PASSES):
        decoder.forward(cache, tokens[:1], Interrupt())


def _passes(events: Sequence[Mapping[str, Any]], provider: str) -> tuple[list[_Pass], list[_Pass]]:
    """The passes of a profile: prefills and decodes, without the first of each."""
    runs = sorted((event for event in events if event["name"] == "model_run"), key=lambda event: event["ts"])
    kernels = [event for event in events if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")]
    found = [_pass(run, kernels, provider) for run in runs]
    return found[1 : 1 + _PASSES], found[2 + _PASSES :]


def _pass(run: Mapping[str, Any], kernels: Sequence[Mapping[str, Any]], provider: str) -> _Pass:
    inside = [event for event in kernels if run["ts"] <= event["ts"] < run["ts"] + run["dur"]]
    fallen = sum(event["dur"] for event in inside if event["args"].get("provider") != provider)
    return _Pass(run["dur"] / 1000, fallen / 1000, sum(event["dur"] for event in inside) / 1000)


def _fallen_share(passes: Sequence[_Pass]) -> float:
    """Of the time in operators, what those take that the provider does not run; 0 where the profile shows none."""
    total = sum(one.operators_ms for one in passes)
    return sum(one.fallen_ms for one in passes) / total if total else 0.0
