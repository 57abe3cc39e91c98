"""What a GGUF file's architecture says: the decoder's shape, and each weight under its hub name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edge_agent.slm.convert.config import DecoderConfig, FloatArray
from edge_agent.slm.convert.gguf_file import FETCH_AGAIN, GgufFile
from orchestrator.errors import ModelCorrupt, ModelUnsupported

#: Architectures by name, and whether their files keep the rotary rows of queries and keys interleaved.
_INTERLEAVED = {"llama": True, "qwen2": False}

#: Keys after the architecture's name that change the arithmetic, their harmless values, and what they stand for.
_VARIATIONS: Mapping[str, tuple[tuple[object, ...], str]] = {
    "expert_count": ((0,), "a mixture of experts"),
    "rope.scaling.type": (("none",), "scaled rotary positions"),
    "rope.scaling.factor": ((0, 1), "scaled rotary positions"),
    "attention.sliding_window": ((0,), "a sliding window"),
}
_OUTER_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
# Above what any model has; a damaged file may state anything, and tables are made of these sizes.
_MOST = 2**21
# GroupQueryAttention rotates heads of such sizes only.
_HEAD_MULTIPLE = 16


def decoder_config(file: GgufFile, bos_token_id: int | None, eos_token_ids: tuple[int, ...]) -> DecoderConfig:
    """The shape of the decoder in `file`.

    Args:
        file: the opened file.
        bos_token_id: the token that starts a text, where the model has one.
        eos_token_ids: the tokens that end an answer.

    Raises:
        ModelUnsupported: an architecture, or a variation of one, that the graph does not have.
        ModelCorrupt: metadata is missing, or the tensors are not those of the shape that it states.
    """
    architecture = file.require("general.architecture", str)
    if architecture not in _INTERLEAVED:
        raise _unsupported(file, f"the architecture {architecture!r} (known: {', '.join(_INTERLEAVED)})")
    heads = _count(file, "attention.head_count")
    hidden = _count(file, "embedding_length")
    config = DecoderConfig(
        model_type=architecture,
        vocab_size=file.tensors.get("token_embd.weight", (0,))[0],
        hidden_size=hidden,
        intermediate_size=_count(file, "feed_forward_length"),
        layers=_count(file, "block_count"),
        heads=heads,
        kv_heads=_count(file, "attention.head_count_kv", heads),
        head_dim=_count(file, "attention.key_length", hidden // heads),
        context_length=_count(file, "context_length"),
        rope_theta=file.optional(f"{architecture}.rope.freq_base", 10_000.0),
        norm_epsilon=file.require(f"{architecture}.attention.layer_norm_rms_epsilon", float),
        attention_bias="blk.0.attn_q.bias" in file.tensors,
        tied_head="output.weight" not in file.tensors,
        bos_token_id=bos_token_id,
        eos_token_ids=eos_token_ids,
    )
    _refuse_variations(file, config)
    _check_tensors(file, config)
    return config


class GgufWeights(Mapping[str, FloatArray]):
    """The weights of a file by hub name, each decoded when it is asked for; rotary rows in half-split order."""

    def __init__(self, file: GgufFile, config: DecoderConfig) -> None:
        """Args:
        file: the opened file.
        config: its `decoder_config`.
        """
        self._file = file
        self._config = config
        self._names = dict.fromkeys(config.weight_shapes())

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self._names:
            raise KeyError(name)
        weight = self._file.read(gguf_name(name))
        if _INTERLEAVED[self._config.model_type] and ("q_proj" in name or "k_proj" in name):
            return _half_split(weight, self._config.head_dim)
        return weight

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def gguf_name(hub_name: str) -> str:
    """`model.layers.3.mlp.up_proj.weight` is `blk.3.ffn_up.weight` in a GGUF file."""
    stem, kind = hub_name.rsplit(".", 1)
    if stem in _OUTER_NAMES:
        return f"{_OUTER_NAMES[stem]}.{kind}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{_LAYER_NAMES[part]}.{kind}"


def _half_split(weight: FloatArray, head_dim: int) -> FloatArray:
    """From rows in which a rotated pair is (2i, 2i + 1) to rows in which it is (i, i + head_dim / 2)."""
    pairs = weight.reshape(-1, head_dim // 2, 2, *weight.shape[1:])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def _count(file: GgufFile, name: str, default: int | None = None) -> int:
    """A positive number of the architecture's own metadata."""
    key = f"{file.require('general.architecture', str)}.{name}"
    value = file.require(key, int) if default is None else file.optional(key, default)
    if not 1 <= value <= _MOST:
        raise ModelCorrupt(f"{file.path} states {value} for {key!r}", remedy=FETCH_AGAIN)
    return value


def _refuse_variations(file: GgufFile, config: DecoderConfig) -> None:
    prefix = f"{config.model_type}."
    for key, (harmless, words) in _VARIATIONS.items():
        if file.metadata.get(prefix + key, harmless[0]) not in harmless:
            raise _unsupported(file, words)
    for key in ("rope.dimension_count", "attention.value_length"):
        if file.optional(prefix + key, config.head_dim) != config.head_dim:
            raise _unsupported(file, f"{prefix + key!r} that is not the head size {config.head_dim}")
    if config.head_dim % _HEAD_MULTIPLE:
        raise _unsupported(file, f"heads of {config.head_dim}, which is no multiple of {_HEAD_MULTIPLE}")


def _check_tensors(file: GgufFile, config: DecoderConfig) -> None:
    tokens = len(file.require_list("tokenizer.ggml.tokens", str))
    contradictions = {
        f"{tokens} tokens, but embeds {config.vocab_size}": tokens > config.vocab_size,
        f"{config.layers} layers in {len(file.tensors)} tensors": config.layers > len(file.tensors),
        f"{config.heads} heads over {config.kv_heads}": config.heads % config.kv_heads != 0,
    }
    for what, wrong in contradictions.items():
        if wrong:
            raise ModelCorrupt(f"{file.path} has {what}", remedy=FETCH_AGAIN)
    wanted = {gguf_name(name): shape for name, shape in config.weight_shapes().items()}
    for name, shape in wanted.items():
        found = file.tensors.get(name)
        if found != shape:
            what = f"lacks the tensor {name!r}" if found is None else f"has the tensor {name!r} as {found}, not {shape}"
            raise ModelCorrupt(f"{file.path} {what}", remedy=FETCH_AGAIN)
    for name in file.tensors:
        if name not in wanted:
            raise _unsupported(file, f"the tensor {name!r}")


def _unsupported(file: GgufFile, what: str) -> ModelUnsupported:
    remedy = "Choose another model, or an ONNX build of this one"
    return ModelUnsupported(f"{file.path} has {what}, which the converter does not know", remedy=remedy)
