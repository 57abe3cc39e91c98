"""A decoder graph in ONNX Runtime, checked before it is used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from edge_agent.slm.cache_layout import CacheLayout
from edge_agent.slm.interrupt import Interrupt
from orchestrator.errors import ConfigError, InferenceFailed, ModelCorrupt, ModelUnsupported

KEEP = "num_logits_to_keep"
_THREADING = {
    # Threads wait for the next operator awake, but not for long: without it decoding is a quarter slower, and with the
    # default of milliseconds a thread that waits takes the core from the one that it waits for.
    "session.intra_op.spin_duration_us": "100",
    # Operators are cut into smaller pieces towards their end, so that a thread that was held up holds up less.
    "session.dynamic_block_base": "4",
}
_PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
_ORDINARY = {"input_ids", "attention_mask", "position_ids", KEEP}
FloatType = np.dtype[np.float32] | np.dtype[np.float16]
_FLOATS: dict[str, FloatType] = {"tensor(float)": np.dtype(np.float32), "tensor(float16)": np.dtype(np.float16)}
# What ONNX Runtime says of a sound graph that it cannot run.
_UNKNOWN = re.compile(r"not a registered|opset|IR version|NOT_IMPLEMENTED|not find an implementation", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a decoder graph takes and gives, as its inputs and outputs declare it.

    Attributes:
        inputs: names of all inputs.
        past: names of the cache inputs, keys and values in turn, [B, kv_heads, P, head_dim] each.
        present: the outputs that continue them, in the same order.
        cache_type, logits_type: float32 or float16.
        vocabulary: width of a row of logits.
        shared_kv: whether past and present may be bound to one buffer.
    """

    inputs: frozenset[str]
    past: tuple[str, ...]
    present: tuple[str, ...]
    kv_heads: int
    head_dim: int
    cache_type: FloatType
    logits_type: FloatType
    vocabulary: int
    shared_kv: bool

    @property
    def cache_layout(self) -> CacheLayout:
        """How the keys and values of a token lie in memory."""
        return CacheLayout(len(self.past), self.kv_heads, self.head_dim, self.cache_type)


class Session:
    """A loaded graph: its signature, and runs that can be interrupted."""

    def __init__(self, inner: onnxruntime.InferenceSession, signature: Signature) -> None:
        self._inner = inner
        self.signature = signature

    @classmethod
    def open(cls, graph: Path, *, threads: int, providers: Sequence[str], remedy: str = "") -> Session:
        """Load a graph.

        Args:
            graph: the .onnx file; external data lies beside it.
            threads: of one operator, the calling one included.
            providers: ONNX Runtime execution providers, the preferred one first.
            remedy: what to tell whoever has a broken file.

        Raises:
            ConfigError: a provider that this build of ONNX Runtime lacks.
            ModelCorrupt: the file or its external data is damaged or missing.
            ModelUnsupported: a graph that is not a decoder in the hub's layout.
        """
        _check_providers(providers)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        for key, value in _THREADING.items():
            options.add_session_config_entry(key, value)
        options.log_severity_level = 4  # failures come as exceptions; nothing is to be said twice
        try:
            inner = onnxruntime.InferenceSession(str(graph), options, providers=list(providers))
        except Exception as error:  # the runtime's exceptions share no base class
            kind = ModelUnsupported if _UNKNOWN.search(str(error)) else ModelCorrupt
            raise kind(f"ONNX Runtime cannot load {graph}: {_first_line(error)}", remedy=remedy) from error
        return cls(inner, _signature(inner, graph))

    def binding(self) -> onnxruntime.IOBinding:
        """A new set of places for inputs and outputs."""
        return self._inner.io_binding()

    def run(self, binding: onnxruntime.IOBinding, interrupt: Interrupt) -> None:
        """Run the graph once.

        Raises:
            Interrupted: `interrupt` was set before or during the run; outputs are undefined then.
            InferenceFailed: the runtime failed.
        """
        interrupt.check()
        try:
            self._inner.run_with_iobinding(binding, interrupt.run_options)
        except Exception as error:  # as above; an interrupted run ends in one, too
            interrupt.check()
            raise InferenceFailed(f"ONNX Runtime failed: {_first_line(error)}") from error


def _signature(inner: onnxruntime.InferenceSession, graph: Path) -> Signature:
    """Read the signature off a graph, or say what is wrong with it."""
    inputs = {value.name: value for value in inner.get_inputs()}
    outputs = {value.name: value for value in inner.get_outputs()}
    past = sorted((name for name in inputs if _PAST.fullmatch(name)), key=_layer_and_part)
    present = [name.replace("past_key_values", "present") for name in past]
    strange = sorted(inputs.keys() - _ORDINARY - set(past))
    missing = sorted(({"input_ids", "attention_mask"} - inputs.keys()) | ({"logits", *present} - outputs.keys()))
    if not past:
        missing.append("past_key_values.N.key|value (exported without a KV cache?)")
    if strange or missing:
        found = [f"unexpected inputs: {', '.join(strange)}"] * bool(strange)
        found += [f"missing: {', '.join(missing)}"] * bool(missing)
        raise ModelUnsupported(
            f"{graph} is not a decoder in the hub's layout ({'; '.join(found)})",
            remedy="export it for text generation with past key values",
        )
    cache, logits = inputs[past[0]], outputs["logits"]
    kv_heads, head_dim, vocabulary = cache.shape[1], cache.shape[3], logits.shape[-1]
    if not all(isinstance(size, int) for size in (kv_heads, head_dim, vocabulary)):
        raise ModelUnsupported(f"{graph} leaves the sizes of its cache or its vocabulary open")
    if cache.type not in _FLOATS or logits.type not in _FLOATS:
        raise ModelUnsupported(f"{graph} has a {cache.type} cache and {logits.type} logits, not float32 or float16")
    return Signature(
        inputs=frozenset(inputs),
        past=tuple(past),
        present=tuple(present),
        kv_heads=kv_heads,
        head_dim=head_dim,
        cache_type=_FLOATS[cache.type],
        logits_type=_FLOATS[logits.type],
        vocabulary=vocabulary,
        shared_kv=inner.get_modelmeta().custom_metadata_map.get("edgewise.shared_kv") == "1",
    )


def _layer_and_part(name: str) -> tuple[int, str]:
    match = _PAST.fullmatch(name)
    assert match is not None
    return int(match[1]), match[2]


def _check_providers(providers: Sequence[str]) -> None:
    available = onnxruntime.get_available_providers()
    for provider in providers:
        if provider not in available:
            raise ConfigError(f"ONNX Runtime here has no {provider}", remedy=f"Choose from {', '.join(available)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
