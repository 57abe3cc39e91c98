"""What this machine can do at most, whatever the model: how fast memory is read, and how little an operator costs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

_OPERATORS = 400
_ROUNDS = 20


def read_bandwidth(size: int, threads: int) -> float:
    """Gigabytes a second in which `threads` threads together read `size` bytes over and over, the best of 20 times.

    What fits a cache is read faster than from memory: so `size` should be what a pass of the model reads.
    """
    parts = np.array_split(np.ones(max(size // 4, threads), np.float32), threads)
    bytes_read = sum(part.nbytes for part in parts)
    taken_s = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(1 + _ROUNDS):
            start = time.perf_counter()
            list(pool.map(np.max, parts))
            taken_s.append(time.perf_counter() - start)
    return bytes_read / min(taken_s[1:]) / 1e9


def least_operator_us(width: int) -> float:
    """Microseconds that an operator over one row of `width` numbers takes, its dispatch included.

    Of a chain of 400 negations, which have next to nothing to compute.
    """
    names = ["row", *(f"row.{index}" for index in range(_OPERATORS))]
    nodes = [helper.make_node("Neg", [before], [after]) for before, after in pairwise(names)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width]) for name in (names[0], names[-1])]
    graph = helper.make_graph(nodes, "chain", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    # Otherwise the optimiser takes the chain away.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed, taken_s = {"row": np.ones((1, width), np.float32)}, []
    for _ in range(1 + _ROUNDS):
        start = time.perf_counter()
        session.run(None, feed)
        taken_s.append(time.perf_counter() - start)
    return min(taken_s[1:]) / _OPERATORS * 1e6
