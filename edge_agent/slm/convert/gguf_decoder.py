"""What a GGUF file says of its decoder, in the hub's words: settings, and tensors by their hub names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.families import FAMILIES, Family
from edge_agent.slm.convert.gguf_file import GgufFile
from edge_agent.slm.convert.settings import Settings, family_of
from edge_agent.slm.convert.stored import Shape
from orchestrator.errors import ModelUnsupported

#: The hub's keys, and what they are called behind the architecture's name. The first must be there.
_SIZES = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "max_position_embeddings": "context_length",
}
_OPTIONAL = {
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "sliding_window": "attention.sliding_window",
    "rope_theta": "rope.freq_base",
    "rope_local_base_freq": "rope.freq_base_swa",
    "num_experts": "expert_count",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
}
_SCALING = {
    "factor": "rope.scaling.factor",
    "original_max_position_embeddings": "rope.scaling.original_context_length",
    "attention_factor": "rope.scaling.attn_factor",
    "beta_fast": "rope.scaling.yarn_beta_fast",
    "beta_slow": "rope.scaling.yarn_beta_slow",
}
# Tensors that stretch the positions: divisors of the frequencies, for all texts, or for short and for long ones.
_DIVISORS, _SHORT, _LONG = "rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"
_ARCHITECTURES: Mapping[str, MODEL_ARCH] = {name: architecture for architecture, name in MODEL_ARCH_NAMES.items()}
_OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_LAYER_PARTS = (
    "input_layernorm",
    *(f"self_attn.{part}" for part in ("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm")),
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
    *(f"mlp.{part}_proj" for part in ("gate", "up", "down")),
)
_HUB_LAYER, _OWN_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)"), re.compile(r"blk\.(\d+)\.(.+)")
# The largest Gemma 3 scales its queries by another number than the size of a head; files say so by this count only.
_GEMMA3_27B_LAYERS = 62


def gguf_settings(file: GgufFile) -> Settings:
    """The settings of the model in `file`.

    Raises:
        ModelUnsupported: an architecture, or a variation of one, that is not known here.
        ModelCorrupt: metadata is missing.
    """
    family = family_of(file.require("general.architecture", str), str(file.path))
    prefix = f"{family.name}."
    found: dict[str, Any] = {key: file.require(prefix + name, int) for key, name in _SIZES.items()}
    found |= {key: file.metadata.get(prefix + name) for key, name in _OPTIONAL.items()}
    found["head_dim"] = head_dim = found["head_dim"] or found["hidden_size"] // max(found["num_attention_heads"], 1)
    if file.optional(prefix + "attention.value_length", head_dim) != head_dim:
        remedy = "Choose another model, or an ONNX build of this one"
        raise ModelUnsupported(f"{file.path} has values of another size than keys", remedy=remedy)
    found["rms_norm_eps"] = file.require(prefix + "attention.layer_norm_rms_epsilon", float)
    found["vocab_size"] = file.tensors.get("token_embd.weight", (0,))[0]
    found["tie_word_embeddings"] = "output.weight" not in file.tensors
    found["attention_bias"] = "blk.0.attn_q.bias" in file.tensors
    found["partial_rotary_factor"] = file.optional(prefix + "rope.dimension_count", head_dim) / max(head_dim, 1)
    found["rope_scaling"] = _scaling(file, prefix)
    if family.name == "gemma3":
        wide = found["num_hidden_layers"] == _GEMMA3_27B_LAYERS
        scalar = found["hidden_size"] // max(found["num_attention_heads"], 1) if wide else head_dim
        found |= {"query_pre_attn_scalar": float(scalar), **_window_pattern(file, prefix)}
    return Settings(found, family, str(file.path))


class GgufTensors:
    """The tensors of a file by hub name; rotary rows in half-split order."""

    def __init__(self, file: GgufFile, family: Family, *, head_dim: int) -> None:
        """Args:
        file: the opened file.
        family: of the model in it.
        head_dim: of its heads.
        """
        self._file = file
        self._family = family
        self._head_dim = head_dim
        hub_names = {own: hub for own in file.tensors if (hub := _hub_name(own, family))}
        self._own_names = {hub: own for own, hub in hub_names.items()}
        self.shapes: Mapping[str, Shape] = {hub: file.tensors[own] for hub, own in self._own_names.items()}
        known = hub_names.keys() | {_DIVISORS, _SHORT, _LONG}
        self.leftover = tuple(own for own in file.tensors if own not in known)

    def read(self, name: str, rows: slice) -> FloatArray:
        """Some rows of a tensor."""
        weight = self._file.read(self._own_names[name])[rows]
        if self._family.interleaved and ("q_proj" in name or "k_proj" in name):
            return _half_split(weight, self._head_dim)
        return weight

    def own_name(self, name: str) -> str:
        """What the file calls a tensor."""
        return gguf_name(name, self._family)

    def stored_bytes(self, name: str) -> int:
        """What a tensor takes in the file."""
        return self._file.stored_bytes(self._own_names[name])


def gguf_name(hub_name: str, family: Family) -> str:
    """`model.layers.3.mlp.up_proj.weight` is `blk.3.ffn_up.weight` in a GGUF file."""
    stem, kind = hub_name.rsplit(".", 1)
    match = _HUB_LAYER.fullmatch(stem)
    if match is None:
        return f"{_OUTER[stem]}.{kind}"
    return f"blk.{match[1]}.{_layer_names(family.name)[match[2]]}.{kind}"


def _hub_name(own_name: str, family: Family) -> str | None:
    """The other way round; None for a tensor that a decoder of that family does not have."""
    stem, _, kind = own_name.rpartition(".")
    if stem in _OUTER.values():
        return f"{next(hub for hub, own in _OUTER.items() if own == stem)}.{kind}"
    match = _OWN_LAYER.fullmatch(stem)
    hub = match and next((hub for hub, own in _layer_names(family.name).items() if own == match[2]), None)
    return f"model.layers.{match[1]}.{hub}.{kind}" if match and hub else None


@cache
def _layer_names(family: str) -> Mapping[str, str]:
    """What GGUF files call the parts of a layer, by their hub names. The `gguf` library keeps this table."""
    table = get_tensor_name_map(_ARCHITECTURES[family], 1)
    split = {part for parts in FAMILIES[family].fused.values() for part in parts}
    parts = [part for part in _LAYER_PARTS if part not in split] + list(FAMILIES[family].fused)
    found = {part: table.get_name(f"model.layers.0.{part}") for part in parts}
    return {part: name.removeprefix("blk.0.") for part, name in found.items() if name}


def _half_split(weight: FloatArray, head_dim: int) -> FloatArray:
    """From rows in which a rotated pair is (2i, 2i + 1) to rows in which it is (i, i + head_dim / 2)."""
    pairs = weight.reshape(-1, head_dim // 2, 2, *weight.shape[1:])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def _scaling(file: GgufFile, prefix: str) -> dict[str, Any]:
    """The hub's `rope_scaling`."""
    given = {key: file.metadata.get(prefix + name) for key, name in _SCALING.items()}
    scaling = {key: value for key, value in given.items() if value}
    if _DIVISORS in file.tensors:
        divisors = file.read(_DIVISORS).tolist()
        # Llama 3.1's formula has become a list, the same for texts of any length.
        return {"rope_type": "longrope", "short_factor": divisors, "long_factor": divisors, "attention_factor": 1.0}
    if _LONG in file.tensors and _SHORT in file.tensors:
        lists = {"short_factor": file.read(_SHORT).tolist(), "long_factor": file.read(_LONG).tolist()}
        return {"attention_factor": 1.0, **scaling, **lists, "rope_type": "longrope"}
    usual = "linear" if scaling.get("factor", 1) != 1 else "none"
    kind = file.optional(prefix + "rope.scaling.type", usual)
    if kind == "yarn" and "attention_factor" in scaling:
        # llama.cpp multiplies what the file says with what the method itself has.
        scaling["attention_factor"] *= 1 + 0.1 * math.log(scaling.get("factor", 1))
    return {} if kind == "none" else {**scaling, "rope_type": kind}


def _window_pattern(file: GgufFile, prefix: str) -> dict[str, Any]:
    """Which layers see a window only: every so many see all, or a flag for each layer."""
    pattern = file.metadata.get(prefix + "attention.sliding_window_pattern")
    if isinstance(pattern, list):
        return {"layer_types": ["sliding_attention" if flag else "full_attention" for flag in pattern]}
    return {"sliding_window_pattern": pattern}
