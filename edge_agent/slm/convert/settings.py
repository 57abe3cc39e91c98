"""A model's settings in the words of the hub's `config.json`, and the decoder that they describe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from edge_agent.slm.convert.config import DecoderConfig, LayerAttention
from edge_agent.slm.convert.families import FAMILIES, Family
from edge_agent.slm.convert.rotary import STRETCHES, Reach, Rotary
from orchestrator.errors import InvalidRequest, ModelCorrupt, ModelUnsupported

_T = TypeVar("_T")
# Above what any model has; a damaged file may state anything, and tables are made of these sizes.
_MOST = 2**21
_MOST_LAYERS = 1024
#: Keys that change the arithmetic, and what they stand for. Their harmless value is nothing, or zero.
_VARIATIONS: Mapping[str, str] = {
    "num_experts": "a mixture of experts",
    "num_local_experts": "a mixture of experts",
    "n_routed_experts": "a mixture of experts",
    "quantization_config": "weights that are quantised already",
    "mlp_bias": "biases in its feed-forward",
    "attn_logit_softcapping": "capped attention scores",
    "final_logit_softcapping": "capped logits",
    "use_bidirectional_attention": "attention to what comes later",
}
_ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu_pytorch_tanh": "gelu_tanh"}
_EVERYWHERE, _WINDOWED = "full_attention", "sliding_attention"


class Settings:
    """Settings by the hub's key. A key that is missing, or null, has the family's default."""

    def __init__(self, values: Mapping[str, Any], family: Family, origin: str) -> None:
        """Args:
        values: what the file says.
        family: of the model.
        origin: the file, for error messages.
        """
        self.family = family
        self.origin = origin
        self._values = {**family.defaults, **{key: value for key, value in values.items() if value is not None}}

    def get(self, key: str, default: _T) -> _T:
        """The value of `key`, of the kind of `default`.

        Raises:
            ModelCorrupt: it is of another kind.
        """
        value = self._values.get(key, default)
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if not isinstance(value, type(default)) or (type(default) is int and isinstance(value, bool)):
            raise self.corrupt(f"states {value!r} for {key!r}")
        return value

    def raw(self, key: str) -> Any:
        """The value of `key`, whatever it is, or None."""
        return self._values.get(key)

    def count(self, key: str, default: int = 0, *, most: int = _MOST) -> int:
        """A positive number of at most `most`; a `default` of 0 says that there is none.

        Raises:
            ModelCorrupt: it is missing or out of range.
        """
        if default == 0 and key not in self._values:
            raise self.corrupt(f"states no {key!r}")
        value = self.get(key, default)
        if not 1 <= value <= most:
            raise self.corrupt(f"states {value} for {key!r}")
        return value

    def corrupt(self, what: str) -> ModelCorrupt:
        """The error for settings that cannot be."""
        return ModelCorrupt(
            f"{self.origin} {what}", remedy="Fetch the model again, and compare it with its publisher's"
        )

    def unsupported(self, what: str) -> ModelUnsupported:
        """The error for settings that the graph does not have."""
        remedy = "Choose another model, or an ONNX build of this one"
        return ModelUnsupported(f"{self.origin} has {what}, which the converter does not know", remedy=remedy)


def family_of(model_type: str, origin: str) -> Family:
    """The family with a name, or with that name and `_text` (the text part of a larger model).

    Raises:
        ModelUnsupported: there is none.
    """
    family = FAMILIES.get(model_type.removesuffix("_text"))
    if family is None:
        experts = " (a mixture of experts)" if "moe" in model_type or model_type == "mixtral" else ""
        known = f"Known are {', '.join(FAMILIES)}. Choose one of these, or an ONNX build of this model"
        raise ModelUnsupported(f"{origin} has the unknown architecture {model_type!r}{experts}", remedy=known)
    return family


def decoder_config(
    settings: Settings, *, bos_token_id: int | None, eos_token_ids: tuple[int, ...], context_tokens: int | None = None
) -> DecoderConfig:
    """The decoder that `settings` describe.

    Args:
        settings: of a model of a known family.
        bos_token_id: the token that starts a text, where the model has one.
        eos_token_ids: the tokens that end an answer.
        context_tokens: the longest sequence to make the graph for; by default what the model was trained for.

    Raises:
        InvalidRequest: `context_tokens` is more than that.
        ModelCorrupt: a setting is missing or cannot be.
        ModelUnsupported: a variation that the graph does not have.
    """
    _refuse_variations(settings)
    family, heads, hidden = settings.family, settings.count("num_attention_heads"), settings.count("hidden_size")
    kv_heads = settings.count("num_key_value_heads", heads)
    if heads % kv_heads:
        raise settings.corrupt(f"has {heads} heads over {kv_heads}")
    head_dim = settings.count("head_dim", max(1, hidden // heads))
    reach = _reach(settings, context_tokens)
    bias = settings.get("attention_bias", False)
    query_scale = settings.get("query_pre_attn_scalar", float(head_dim))
    return DecoderConfig(
        model_type=family.name,
        vocab_size=settings.count("vocab_size"),
        hidden_size=hidden,
        intermediate_size=settings.count("intermediate_size"),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        context_length=reach.window,
        attention=_attention(settings, head_dim, reach),
        norm_epsilon=settings.get("rms_norm_eps", 1e-6),
        tied_head=settings.get("tie_word_embeddings", False),
        bos_token_id=bos_token_id,
        eos_token_ids=eos_token_ids,
        attention_bias=bias,
        output_bias=bias and family.name != "qwen2",
        query_key_norms=family.query_key_norms,
        branch_norms=family.branch_norms,
        activation=family.activation,
        embedding_scale=hidden**0.5 if family.scaled_embedding else 1.0,
        query_scale=None if query_scale == head_dim else query_scale**-0.5,
    )


def _refuse_variations(settings: Settings) -> None:
    for key, words in _VARIATIONS.items():
        if settings.raw(key):
            raise settings.unsupported(words)
    activation = str(settings.raw("hidden_activation") or settings.get("hidden_act", "silu"))
    if _ACTIVATIONS.get(activation) != settings.family.activation:
        raise settings.unsupported(f"the activation {activation!r}")


def _reach(settings: Settings, context_tokens: int | None) -> Reach:
    trained = settings.count("max_position_embeddings")
    most, scaling = trained, _rope_parameters(settings, _EVERYWHERE)
    factor = scaling.get("factor")
    if scaling.get("rope_type", scaling.get("type")) == "dynamic" and isinstance(factor, int | float):
        most = int(trained * min(max(factor, 1), _MOST // trained))
    if trained < 2:
        raise settings.corrupt(f"states {trained} for 'max_position_embeddings'")
    window = context_tokens or trained
    if not 2 <= window <= most:
        message = f"a context of {window} tokens for {settings.origin}, which was made for {most}"
        raise InvalidRequest(message, remedy=f"Ask for 2 to {most}")
    return Reach(trained, window)


def _attention(settings: Settings, head_dim: int, reach: Reach) -> tuple[LayerAttention, ...]:
    layers = settings.count("num_hidden_layers", most=_MOST_LAYERS)
    windowed = settings.family.name in ("gemma3", "phi3") or settings.get("use_sliding_window", False)
    window = settings.get("sliding_window", 0) if windowed else 0
    everywhere = _rotary(settings, _EVERYWHERE, head_dim, reach)
    nearby = _rotary(settings, _WINDOWED, head_dim, reach)
    rotated, kinds = _rotated_layers(settings, layers), _kinds_of_layers(settings, layers)
    if min(len(rotated), len(kinds)) < layers:
        raise settings.corrupt(f"describes {min(len(rotated), len(kinds))} of {layers} layers")
    return tuple(
        LayerAttention((nearby if kind == _WINDOWED else everywhere) if turns else None, window * (kind == _WINDOWED))
        for turns, kind in zip(rotated[:layers], kinds, strict=False)
    )


def _rotated_layers(settings: Settings, layers: int) -> Sequence[object]:
    """For each layer, whether it knows positions (smollm3 has layers that do not)."""
    every = settings.get("no_rope_layer_interval", 0)
    usual = [not every or (layer + 1) % every != 0 for layer in range(layers)]
    return settings.get("no_rope_layers", list[object](usual))


def _kinds_of_layers(settings: Settings, layers: int) -> Sequence[object]:
    """For each layer, `sliding_attention` or what else it is."""
    name, windowed = settings.family.name, [False] * layers
    if name == "gemma3":
        every = settings.count("sliding_window_pattern")
        windowed = [(layer + 1) % every != 0 for layer in range(layers)]
    elif name == "phi3":
        windowed = [settings.get("sliding_window", 0) > 0] * layers
    elif settings.get("use_sliding_window", False):
        first = settings.get("max_window_layers", 28)
        rotated = _rotated_layers(settings, layers)
        windowed = [not rotated[layer] if name == "smollm3" else layer >= first for layer in range(layers)]
    return settings.get("layer_types", list[object](_WINDOWED if one else _EVERYWHERE for one in windowed))


def _rotary(settings: Settings, kind: str, head_dim: int, reach: Reach) -> Rotary:
    """How the layers of one `kind` turn their heads."""
    given = _rope_parameters(settings, kind)
    name = str(given.get("rope_type", given.get("type", "default")))
    if settings.family.name == "phi3" and name == "yarn":
        name = "longrope"  # what its first configurations meant
    if name not in STRETCHES:
        raise settings.unsupported(f"positions scaled by {name!r}")
    try:
        size, theta = int(head_dim * float(given["partial_rotary_factor"])), float(given["rope_theta"])
        if not 2 <= size <= head_dim or size % 2 or theta <= 0:
            raise settings.corrupt(f"turns {size} of {head_dim} dimensions by the base {theta}")
        # Numbers beyond all measure are found by what comes of them.
        with np.errstate(all="ignore"):
            rotary = STRETCHES[name](Rotary(theta, size), given, reach)
            sound = np.isfinite(rotary.frequencies).all() and 0 < rotary.magnitude < math.inf
        if not sound:
            raise ValueError(f"no angles by {rotary}")
        return rotary
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise settings.corrupt(f"scales positions by {name!r} with impossible numbers, or lacks one") from error


def _rope_parameters(settings: Settings, kind: str) -> Mapping[str, Any]:
    """The newer `rope_parameters`, perhaps one for each kind of layers, or the older keys that they replace."""
    newer: Mapping[str, Any] = settings.get("rope_parameters", {})
    older: Mapping[str, Any] = {
        "rope_theta": settings.get("rope_theta", 10_000.0),
        "partial_rotary_factor": settings.get("partial_rotary_factor", 1.0),
    }
    near = settings.family.name == "gemma3" and kind == _WINDOWED
    if near:
        older = {**older, "rope_theta": settings.get("rope_local_base_freq", 10_000.0)}
    if {_EVERYWHERE, _WINDOWED} & newer.keys():
        own = newer.get(kind, {})
        if not isinstance(own, dict):
            raise settings.corrupt(f"states {own!r} for {kind!r}")
        return {**older, **own}
    scaling: Mapping[str, Any] = {} if near else settings.get("rope_scaling", {})
    original = settings.raw("original_max_position_embeddings")
    beside = {"original_max_position_embeddings": original} if original else {}
    return {**older, **scaling, **newer, **beside}
