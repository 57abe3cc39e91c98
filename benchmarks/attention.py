"""Ways to compute attention, timed by themselves: the operator as it is, as we write it, with other caches, and others.

`python -m benchmarks.attention [--model NAME] [--threads N] [--rounds N] [--json]` builds a graph of
nothing but attention for each way, in the shape of a model, and prints milliseconds a pass. The ways take turns within
each round; shown is the quickest of all rounds, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnxruntime
from onnx import helper
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernel

from benchmarks.attention_graphs import WAYS, Shape, Way, attention_graph
from edge_agent.slm.cores import usable_cores

#: The shapes of attention of two models.
SHAPES = {
    "smollm2-135m-instruct": Shape(layers=30, heads=9, kv_heads=3, head_dim=64),
    "qwen2.5-coder-0.5b-instruct": Shape(layers=24, heads=14, kv_heads=2, head_dim=64),
}
#: Tokens behind which a pass is, and its own.
PASSES = ((16, 1), (512, 1), (1536, 1), (512, 4), (384, 128), (1408, 128))
_CAPACITY = 2048


@dataclass(frozen=True, slots=True)
class Timing:
    """One way, one pass: milliseconds of all layers, the quickest round."""

    way: str
    past: int
    new: int
    ms: float


class Attention:
    """A graph of nothing but attention, with its caches."""

    def __init__(self, way: Way, shape: Shape, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.spin_duration_us", "100")
        options.log_severity_level = 4
        graph = attention_graph(way, shape).SerializeToString()
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._names = {value.name for value in self._session.get_inputs()}
        self._binding = self._session.io_binding()
        kind = helper.tensor_dtype_to_np_dtype(way.cache_type)
        places = (1, shape.kv_heads, _CAPACITY, shape.head_dim)
        self._caches = {f"past.{i}": np.zeros(places, kind) for i in range(2 * shape.layers)}
        for name, cache in self._caches.items():
            place = ("cpu", 0, cache.dtype, cache.shape, cache.ctypes.data)
            self._binding.bind_input(name, *place)
            self._binding.bind_output(name.replace("past", "present"), *place)
        self._width = (shape.heads + 2 * shape.kv_heads) * shape.head_dim

    def ms(self, past: int, new: int) -> float:
        """Milliseconds of one pass."""
        end = past + new
        feeds: dict[str, Any] = {
            "rows": np.random.default_rng(0).standard_normal((1, new, self._width), np.float32),
            "last": np.array([end - 1], np.int32),
            "total": np.array(end, np.int32),
            "positions": np.arange(past, end)[None],
            "past": np.array([past]),
            "end": np.array([end]),
        }
        for name in feeds.keys() & self._names:
            self._binding.bind_cpu_input(name, feeds[name])
        self._binding.bind_output("mixed", "cpu")
        start = time.perf_counter()
        self._session.run_with_iobinding(self._binding)
        return (time.perf_counter() - start) * 1000


def measure(
    shape: Shape, *, threads: int, rounds: int, passes: Sequence[tuple[int, int]] = PASSES
) -> tuple[list[Timing], list[str]]:
    """Every way in every pass that it can run; and the ways that this build of ONNX Runtime cannot run."""
    ready: dict[str, Callable[[int, int], float]] = {}
    missing = []
    for way in WAYS:
        try:
            ready[way.name] = Attention(way, shape, threads).ms
        except NoKernel:
            missing.append(way.name)
    timings = []
    for past, new in passes:
        able = {way.name for way in WAYS if new == 1 or not way.one_row}
        taken = {name: [run(past, new)] for name, run in ready.items() if name in able}
        for _ in range(rounds if new < 32 else max(1, rounds // 8)):
            for name, all_ms in taken.items():
                all_ms.append(ready[name](past, new))
        timings += [Timing(name, past, new, min(all_ms[1:])) for name, all_ms in taken.items()]
    return timings, missing


def as_markdown(timings: Sequence[Timing], missing: Sequence[str]) -> str:
    """A row for each way, a column for each pass."""
    cells: Mapping[tuple[str, int, int], float] = {(each.way, each.past, each.new): each.ms for each in timings}
    columns = list(dict.fromkeys((each.past, each.new) for each in timings))
    lines = [f"| ms | {' | '.join(f'{new} behind {past}' for past, new in columns)} |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for way in WAYS:
        if way.name in missing:
            lines.append(f"| {way.name}: this build cannot |{' |' * len(columns)}")
            continue
        shown = (f"{cells[key]:.1f}" if (key := (way.name, *column)) in cells else "" for column in columns)
        lines.append(f"| {way.name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure one shape and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attention", description=__doc__)
    parser.add_argument("--model", default=next(iter(SHAPES)), choices=SHAPES)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--rounds", type=int, default=40, help="of a pass over few tokens; an eighth over many")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    timings, missing = measure(SHAPES[options.model], threads=options.threads, rounds=options.rounds)
    if options.json:
        print(json.dumps({"timings": [asdict(each) for each in timings], "missing": missing}, indent=2))
    else:
        print(as_markdown(timings, missing))


if __name__ == "__main__":
    main()
