"""Where the time of a pass goes: by operator, with the bytes it reads, against what the machine can do at most.

`python -m benchmarks.profile_slm [--model NAME] [--threads N] [--passes N] [--json]` prints a table for decoding behind
16, 512 and 1536 tokens, and for reading 128 tokens behind 384 and 1408. The bytes are those of the weights as the graph
stores them, once a pass, and of the keys and values. From them and from the bandwidth, measured here with as many
threads, follows how fast decoding could be at most. Times are those of the quickest pass, and of each operator's
quickest run: other work on the machine disturbs these least.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from benchmarks.limits import least_operator_us, read_bandwidth
from benchmarks.slm.machine import describe
from edge_agent.slm.cache import KVCache
from edge_agent.slm.cores import usable_cores
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.pull import ensure
from edge_agent.slm.session import Session

CHUNK = 128
#: Tokens behind which a pass is, and its own.
PASSES = ((16, 1), (512, 1), (1536, 1), (384, CHUNK), (1408, CHUNK))
_LAYER = re.compile(r"^.*\blayers?[./]\d+[./]")
_ATTENTION = "Attention"


@dataclass(frozen=True, slots=True)
class Share:
    """What a group of operators takes of one pass: the products with one kind of matrix, or all of another type.

    Attributes:
        ms: the quickest of each operator's runs, added up; the profile slows small operators down somewhat.
        megabytes: of weights, keys and values read.
    """

    group: str
    operators: int
    ms: float
    megabytes: float

    @property
    def gigabytes_per_s(self) -> float:
        """What the group reaches of the bandwidth."""
        return self.megabytes / self.ms if self.ms else 0.0


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass over `new` tokens behind `past` others.

    Attributes:
        ms: without a profile, the quickest.
        bandwidth_ms: what reading its bytes takes at least.
        dispatch_ms: what as many operators take that compute nothing.
    """

    past: int
    new: int
    ms: float
    bandwidth_ms: float
    dispatch_ms: float
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """All passes of a model, and the limits of the machine."""

    model: str
    machine: Mapping[str, str]
    gigabytes_per_s: float
    operator_us: float
    passes: tuple[Pass, ...]


def profile(
    folder: Path, *, threads: int, rounds: int, passes: Sequence[tuple[int, int]] = PASSES, machine: Mapping[str, str]
) -> Profile:
    """Measure the model in `folder`.

    Args:
        rounds: how often each pass runs, with a profile and without.
        passes: how many tokens are behind each pass, and how many are its own.
        machine: what the figures belong to.

    Raises:
        ModelError: it cannot be loaded, or fails.
    """
    files = ModelFolder(folder)
    weights = _weight_bytes(files.graph)
    bandwidth = read_bandwidth(sum(weights.values()), threads)
    plain = Session.open(files.graph, threads=threads, sizes=files.sizes)
    operator_us = least_operator_us(plain.signature.head_dim * plain.signature.kv_heads)
    found = []
    for past, new in passes:
        ms = min(_run(plain, past, new, rounds))
        shares = _shares(files, threads, past, new, rounds, weights)
        megabytes, operators = sum(share.megabytes for share in shares), sum(share.operators for share in shares)
        found.append(Pass(past, new, ms, megabytes / bandwidth, operators * operator_us / 1000, shares))
    return Profile(files.name, machine, bandwidth, operator_us, tuple(found))


def _run(session: Session, past: int, new: int, rounds: int) -> list[float]:
    """Milliseconds of `rounds` passes, behind some that do not count: those that read what is before them."""
    decoder = Decoder(session, window=past + max(new, 2), weight_bytes=0)
    cache, rng = decoder.new_cache(), np.random.default_rng(0)
    tokens = rng.integers(session.signature.vocabulary // 2, size=past + new).tolist()
    for at in range(0, past, CHUNK):
        decoder.forward(cache, tokens[at : min(at + CHUNK, past)], Interrupt())
    return [_timed(decoder, cache, past, tokens[past:]) for _ in range(2 + rounds)][2:]


def _timed(decoder: Decoder, cache: KVCache, past: int, tokens: list[int]) -> float:
    cache.truncate(past)
    start = time.perf_counter()
    decoder.forward(cache, tokens, Interrupt())
    return (time.perf_counter() - start) * 1000


def _shares(
    files: ModelFolder, threads: int, past: int, new: int, rounds: int, weights: Mapping[str, int]
) -> tuple[Share, ...]:
    """The groups of a pass, the longest first."""
    with tempfile.TemporaryDirectory() as beside:
        session = Session.open(files.graph, threads=threads, sizes=files.sizes, profile=Path(beside, "pass"))
        _run(session, past, new, rounds)
        events = json.loads(session.end_profile().read_text(encoding="utf-8"))
    starts = sorted(event["ts"] for event in events if event["name"] == "model_run")
    taken_us = defaultdict[tuple[str, str], list[int]](list)
    for event in events:
        if event["name"].endswith("_kernel_time") and event["ts"] >= starts[-rounds]:
            taken_us[event["args"]["op_name"], event["name"].removesuffix("_kernel_time")].append(event["dur"])
    groups = defaultdict[str, list[int]](list)
    for (operator, name), each_us in taken_us.items():
        groups[_group(operator, name)].append(min(each_us))
    kept = (past + new) * session.signature.cache_layout.bytes_per_token
    read = {group: weights.get(group, 0) + kept * (_ATTENTION in group) for group in groups}
    shares = (Share(group, len(us), sum(us) / 1000, read[group] / 1e6) for group, us in groups.items())
    return tuple(sorted(shares, key=lambda share: -share.ms))


def _group(operator: str, name: str) -> str:
    """`mlp.gate_proj` of every layer's product with that matrix; of what is no product, its type."""
    return _LAYER.sub("", name) if "MatMul" in operator or operator == "Gemm" else operator


def _weight_bytes(graph: Path) -> dict[str, int]:
    """Bytes of weights that the operators of each group read in a pass. Look-ups read single rows: nothing."""
    model = onnx.load(graph, load_external_data=False)
    sizes = {tensor.name: _tensor_bytes(tensor) for tensor in model.graph.initializer}
    found = defaultdict[str, int](int)
    for node in model.graph.node:
        if "Gather" not in node.op_type and _ATTENTION not in node.op_type:
            found[_group(node.op_type, node.name)] += sum(sizes.get(name, 0) for name in node.input)
    return found


def _tensor_bytes(tensor: onnx.TensorProto) -> int:
    return math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize


def as_markdown(found: Profile) -> Iterator[str]:
    """Lines: model and machine, and then the `tables`."""
    yield f"### {found.model}\n"
    yield "; ".join(f"{name}: {value}" for name, value in found.machine.items()) + ".\n"
    yield from tables(found)


def tables(found: Profile) -> Iterator[str]:
    """Lines: the limits, a table of all passes, and one of each pass's groups."""
    yield f"Memory is read at {found.gigabytes_per_s:.0f} GB/s; an operator takes {found.operator_us:.1f} µs or more.\n"
    yield "| pass | ms | MB read | at least: bandwidth, ms | dispatch, ms | tok/s | bandwidth alone, tok/s |"
    yield "|---|---|---|---|---|---|---|"
    for one in found.passes:
        megabytes = sum(share.megabytes for share in one.shares)
        yield (
            f"| {one.new} behind {one.past} | {one.ms:.2f} | {megabytes:.0f} | {one.bandwidth_ms:.2f}"
            f" | {one.dispatch_ms:.2f} | {1000 * one.new / one.ms:.0f} | {1000 * one.new / one.bandwidth_ms:.0f} |"
        )
    for one in found.passes:
        total = sum(share.ms for share in one.shares)
        yield f"\n| {one.new} behind {one.past} | operators | ms | share | MB | GB/s |\n|---|---|---|---|---|---|"
        for share in one.shares:
            if share.ms >= total / 200:
                yield (
                    f"| {share.group} | {share.operators} | {share.ms:.2f} | {share.ms / total:.0%}"
                    f" | {share.megabytes:.1f} | {share.gigabytes_per_s:.0f} |"
                )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure one model and print what came out."""
    options = _options(argv)
    machine = describe(options.threads)
    found = profile(ensure(options.model), threads=options.threads, rounds=options.passes, machine=machine)
    print(json.dumps(asdict(found), indent=2) if options.json else "\n".join(as_markdown(found)))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_slm", description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct", help="a catalog name, pulled where it is missing")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--passes", type=int, default=24, help="of each kind")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
