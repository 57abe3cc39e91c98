"""What a decoder graph takes and gives, in the layouts that exporters make."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_agent.slm.cache_layout import CacheLayout
from edge_agent.slm.folder import Sizes
from orchestrator.errors import ModelUnsupported

KEEP = "num_logits_to_keep"
_PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
#: Inputs beside the cache, and the types that they may be declared with.
_INTEGERS: Mapping[str, Any] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_KNOWN: Mapping[str, Mapping[str, Any]] = {
    "input_ids": _INTEGERS,
    "attention_mask": _INTEGERS,
    "position_ids": _INTEGERS,
    "cache_position": _INTEGERS,
    KEEP: _INTEGERS,
    "use_cache_branch": {"tensor(bool)": np.bool_},
}
FloatType = np.dtype[np.float32] | np.dtype[np.float16]
_FLOATS: Mapping[str, FloatType] = {"tensor(float)": np.dtype(np.float32), "tensor(float16)": np.dtype(np.float16)}


@dataclass(frozen=True, slots=True)
class Signature:
    """What a decoder graph takes and gives, as its inputs and outputs declare it.

    Attributes:
        inputs: the type of each input beside the cache, by name.
        keep_shape: of the input `KEEP`: empty for a scalar.
        past: names of the cache inputs, keys and values in turn, [B, kv_heads, P, head_dim] each.
        present: the outputs that continue them, in the same order.
        cache_type, logits_type: float32 or float16.
        vocabulary: width of a row of logits.
        shared_kv: whether past and present may be bound to one buffer.
        spare_place: whether the attention mask may have a column more than there are tokens, of zeros. Then a pass over
            one token rounds as one over several.
    """

    inputs: Mapping[str, np.dtype[Any]]
    keep_shape: tuple[int, ...]
    past: tuple[str, ...]
    present: tuple[str, ...]
    kv_heads: int
    head_dim: int
    cache_type: FloatType
    logits_type: FloatType
    vocabulary: int
    shared_kv: bool
    spare_place: bool

    @property
    def cache_layout(self) -> CacheLayout:
        """How the keys and values of a token lie in memory."""
        return CacheLayout(len(self.past), self.kv_heads, self.head_dim, self.cache_type)

    @property
    def merged(self) -> bool:
        """Whether it is two graphs in one: one for the beginning of a text, one for what comes behind it."""
        return "use_cache_branch" in self.inputs

    def feeds(
        self,
        input_ids: NDArray[np.int64],
        attention_mask: NDArray[np.int64],
        position_ids: NDArray[np.int64],
        keep: int,
    ) -> dict[str, NDArray[Any]]:
        """All inputs beside the cache that the graph declares, as it declares them.

        Args:
            input_ids: the new tokens [B, S].
            attention_mask: [B, T] over cached and new tokens.
            position_ids: of the new tokens [B, S]; the first of each row counts its cached tokens.
            keep: for how many of the last tokens logits are wanted.
        """
        known = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "position_ids": position_ids,
            "cache_position": position_ids[0],
            KEEP: np.full(self.keep_shape, keep),
            "use_cache_branch": position_ids[:1, 0] > 0,
        }
        # ascontiguousarray would make a vector of a scalar, which only the CPU's kernels forgive.
        return {name: np.asarray(known[name], kind, order="C") for name, kind in self.inputs.items()}

    def logit_rows(self, new: int, keep: int) -> int:
        """How many rows of logits a pass over `new` tokens gives, where `keep` are wanted."""
        return keep if KEEP in self.inputs else new


def read_signature(inner: onnxruntime.InferenceSession, graph: Path, sizes: Sizes) -> Signature:
    """The signature of a loaded graph.

    Args:
        inner: the session of ONNX Runtime.
        graph: its file, for error messages.
        sizes: what the graph itself may leave open.

    Raises:
        ModelUnsupported: it is no decoder in the hub's layout; the message names what is strange or missing.
    """
    stated = inner.get_modelmeta().custom_metadata_map
    inputs = {value.name: value for value in inner.get_inputs()}
    outputs = {value.name: value for value in inner.get_outputs()}
    past = sorted((name for name in inputs if _PAST.fullmatch(name)), key=_layer_and_part)
    present = [name.replace("past_key_values", "present") for name in past]
    _check_names(inputs, outputs, past, present, graph)
    cache, logits = inputs[past[0]], outputs["logits"]
    if cache.type not in _FLOATS or logits.type not in _FLOATS:
        raise ModelUnsupported(f"{graph} has a {cache.type} cache and {logits.type} logits, not float32 or float16")
    _check_alike([inputs[name] for name in past], graph)
    if isinstance(inputs["input_ids"].shape[-1], int) or (len(logits.shape) == 3 and logits.shape[1] == 1):
        raise ModelUnsupported(f"{graph} takes, or answers, a fixed number of tokens", remedy=_EXPORT)
    return Signature(
        inputs={name: np.dtype(_KNOWN[name][inputs[name].type]) for name in inputs if name not in past},
        keep_shape=(1,) * len(inputs[KEEP].shape) if KEEP in inputs else (),
        past=tuple(past),
        present=tuple(present),
        kv_heads=_size(cache.shape, 1, sizes.kv_heads, "heads", graph),
        head_dim=_size(cache.shape, 3, sizes.head_dim, "size of a head", graph),
        cache_type=_FLOATS[cache.type],
        logits_type=_FLOATS[logits.type],
        vocabulary=_size(logits.shape, -1, sizes.vocabulary, "vocabulary", graph),
        shared_kv=stated.get("edgewise.shared_kv") == "1",
        spare_place=stated.get("edgewise.spare_place") == "1",
    )


_EXPORT = "export it for text generation with past key values and sequences of any length"


def _check_names(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any], past: Sequence[str], present: Sequence[str], graph: Path
) -> None:
    strange = [
        f"{name} ({value.type})"
        for name, value in sorted(inputs.items())
        if name not in past and value.type not in _KNOWN.get(name, {})
    ]
    missing = sorted(({"input_ids"} - inputs.keys()) | ({"logits", *present} - outputs.keys()))
    if not past:
        missing.append("past_key_values.N.key|value (exported without a KV cache?)")
    if strange or missing:
        found = [f"unexpected inputs: {', '.join(strange)}"] * bool(strange)
        found += [f"missing: {', '.join(missing)}"] * bool(missing)
        raise ModelUnsupported(f"{graph} is not a decoder in the hub's layout ({'; '.join(found)})", remedy=_EXPORT)


def _check_alike(caches: Sequence[Any], graph: Path) -> None:
    """Every layer's cache must be of one shape: a conversation has one buffer shape."""
    for at in (1, 3):
        stated = {cache.shape[at] for cache in caches if len(cache.shape) == 4 and isinstance(cache.shape[at], int)}
        if len(stated) > 1 or any(len(cache.shape) != 4 or cache.type != caches[0].type for cache in caches):
            raise ModelUnsupported(f"{graph} has caches of several shapes", remedy="choose another model")


def _size(shape: Sequence[Any], at: int, declared: int | None, what: str, graph: Path) -> int:
    """A size that the graph states, or else its configuration."""
    size = shape[at] if isinstance(shape[at], int) else declared
    if size is None:
        message = f"{graph} leaves its {what} open, and neither config.json nor genai_config.json states it"
        raise ModelUnsupported(message, remedy="put the config.json of its publisher beside it")
    return size


def _layer_and_part(name: str) -> tuple[int, str]:
    match = _PAST.fullmatch(name)
    assert match is not None
    return int(match[1]), match[2]
