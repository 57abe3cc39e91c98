"""Are converted models the models that were published? The logits of each family against transformers' own.

`python -m benchmarks.families [--json]` makes tiny checkpoints with random weights by transformers, converts each from
its safetensors folder and from a GGUF file, and prints the largest difference of any logit over 48 tokens, which go
through the graph in several passes. Where llama-cpp-python is installed, it reads the same GGUF files: so they are what
llama.cpp takes them for. `--fixtures FOLDER` keeps some checkpoints with their logits, so that the test suite can do
without either. Needs torch and transformers.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from safetensors.numpy import save_file

from edge_agent.slm.convert.checkpoint import open_checkpoint
from edge_agent.slm.convert.pipeline import convert
from edge_agent.slm.convert.synthetic import CHAT_TEMPLATE, tiny_tokenizer
from edge_agent.slm.convert.synthetic_gguf import write_gguf

Logits = npt.NDArray[np.float32]
TOKENS = 48
_SMALL: Mapping[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


@dataclass(frozen=True, slots=True)
class Variant:
    """A model of a family.

    Attributes:
        name: what it shows.
        model_type: transformers' word for its class.
        settings: of its config, beyond the small sizes.
        dtype: how its weights are stored.
        context_tokens: what the graph is made for, where that is not what the model was trained for.
        gguf: metadata of its GGUF file, behind the architecture's name, beyond what its shape says. None where there
            can be no such file.
        llama_cpp: whether llama.cpp computes what that file says.
        kept: whether the test suite keeps it.
    """

    name: str
    model_type: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "bfloat16"
    context_tokens: int | None = None
    gguf: Mapping[str, Any] | None = field(default_factory=dict)
    llama_cpp: bool = True
    kept: bool = False


_LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
_YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
_YARN_GGUF = {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 16}
_LINEAR_GGUF = {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}
_LINEAR = {"rope_type": "linear", "factor": 4.0}
_LONGROPE = {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.1, 1.2, 1.4, 1.6, 1.8],
    "long_factor": [1.0, 1.5, 2.5, 4.0, 7.0, 9.0],
}
_PHI4 = {"num_attention_heads": 2, "partial_rotary_factor": 0.75, "tie_word_embeddings": True}
_GEMMA = {
    "head_dim": 16,
    "num_hidden_layers": 7,
    "intermediate_size": 16,
    "sliding_window": 11,
    "rope_scaling": _LINEAR,
}
VARIANTS = (
    Variant("llama", "llama", {"head_dim": 16}, "float32"),
    Variant(
        "llama, heads of 20",
        "llama",
        {"head_dim": 20, "attention_bias": True, "tie_word_embeddings": True},
        "float16",
        kept=True,
    ),
    Variant("llama 3.1", "llama", {"head_dim": 16, "rope_theta": 500.0, "rope_scaling": _LLAMA3}, kept=True),
    Variant("llama, linear", "llama", {"head_dim": 16, "rope_scaling": _LINEAR}, gguf=_LINEAR_GGUF),
    Variant(
        "llama, dynamic",
        "llama",
        {"max_position_embeddings": 24, "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}},
        context_tokens=TOKENS,
        gguf=None,
    ),
    Variant("qwen2", "qwen2", {"tie_word_embeddings": True}, kept=True),
    Variant(
        "qwen2, window", "qwen2", {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1}, gguf=None
    ),
    Variant("qwen2, yarn", "qwen2", {"rope_scaling": _YARN}, gguf=_YARN_GGUF, kept=True),
    Variant("qwen3", "qwen3", {"head_dim": 16, "tie_word_embeddings": True}, "float32", kept=True),
    Variant("qwen3, heads of 24", "qwen3", {"head_dim": 24}),
    Variant("gemma3", "gemma3_text", {**_GEMMA, "query_pre_attn_scalar": 16}, gguf=_LINEAR_GGUF, kept=True),
    Variant("gemma3, scaled queries", "gemma3_text", {**_GEMMA, "query_pre_attn_scalar": 24}, gguf=None),
    # llama.cpp leaves Phi-3's window out: https://github.com/ggml-org/llama.cpp/pull/13194
    Variant("phi3", "phi3", {"sliding_window": 13}, llama_cpp=False),
    Variant(
        "phi3, long",
        "phi3",
        {**_PHI4, "original_max_position_embeddings": 16, "rope_scaling": _LONGROPE},
        gguf={"rope.scaling.attn_factor": (1 + math.log(4) / math.log(16)) ** 0.5},
        kept=True,
    ),
    Variant(
        "phi3, short",
        "phi3",
        {
            **_PHI4,
            "max_position_embeddings": 600,
            "original_max_position_embeddings": 300,
            "rope_scaling": _LONGROPE,
        },
        context_tokens=256,
        gguf={"rope.scaling.attn_factor": (1 + math.log(2) / math.log(300)) ** 0.5},
    ),
    Variant("smollm3", "smollm3", {"num_hidden_layers": 4, "tie_word_embeddings": True}, kept=True),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one way of running a model is from transformers.

    Attributes:
        source: `safetensors`, `gguf`, or `llama.cpp` (which reads our GGUF file itself).
        largest: of any logit.
        spread: standard deviation of the logits: what `largest` is to be held against.
        same_choices: whether each row has its maximum at the same token.
    """

    variant: str
    source: str
    largest: float
    spread: float
    same_choices: bool


def difference(variant: str, source: str, logits: Logits, reference: Logits) -> Difference:
    """Compare logits `[S, V]`."""
    same = bool((logits.argmax(-1) == reference.argmax(-1)).all())
    return Difference(variant, source, float(np.abs(logits - reference).max()), float(reference.std()), same)


def tokens_of(variant: Variant) -> list[int]:
    """The text that a variant is compared on."""
    rng = np.random.default_rng(len(variant.name))
    found: list[int] = rng.integers(0, _SMALL["vocab_size"], TOKENS).tolist()
    return found


def folder_name(variant: Variant) -> str:
    """Where a kept variant is."""
    return variant.name.replace(", ", "-").replace(" ", "-")


def publish(variant: Variant, folder: Path) -> Logits:
    """Make a variant's checkpoint as transformers saves one, with the tiny tokenizer.

    Returns:
        Transformers' logits `[TOKENS, V]` in float32.
    """
    import torch
    import transformers

    config = transformers.AutoConfig.for_model(variant.model_type, **{**_SMALL, **variant.settings})
    model = transformers.AutoModelForCausalLM.from_config(config)
    rng = np.random.default_rng(7)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            # Large enough for logits that differ clearly; norms are near one, which Gemma stores as near zero.
            scale = 2 / weight.shape[1] ** 0.5 if weight.ndim == 2 else 0.1
            mean = float("norm" in name and "gemma" not in variant.model_type)
            weight.copy_(torch.from_numpy(rng.standard_normal(weight.shape, np.float32) * np.float32(scale) + mean))
    model.to(getattr(torch, variant.dtype)).save_pretrained(folder, max_shard_size="40KB")
    write_tokenizer_files(folder)
    stored = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        logits: Logits = stored(torch.tensor([tokens_of(variant)])).logits[0].numpy()
    return logits


def write_tokenizer_files(folder: Path) -> None:
    """What a checkpoint's folder has beside its weights."""
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    settings = {"chat_template": CHAT_TEMPLATE, "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def as_gguf(variant: Variant, folder: Path, path: Path) -> Path:
    """The checkpoint in `folder` as a GGUF file."""
    checkpoint = open_checkpoint(folder, context_tokens=variant.context_tokens)
    config, scaling = checkpoint.config, variant.settings.get("rope_scaling", {})
    fields: dict[str, Any] = {f"{config.model_type}.{key}": value for key, value in (variant.gguf or {}).items()}
    fields[f"{config.model_type}.context_length"] = variant.settings.get("max_position_embeddings", 64)
    tensors: dict[str, Logits | None] = {}
    if scaling.get("rope_type") == "longrope":
        original = variant.settings["original_max_position_embeddings"]
        fields[f"{config.model_type}.rope.scaling.original_context_length"] = original
        for kind in ("long", "short"):
            tensors[f"rope_factors_{kind}.weight"] = np.array(scaling[f"{kind}_factor"], np.float32)
    rotary = config.attention[0].rotary
    if scaling.get("rope_type") == "llama3" and rotary:
        tensors["rope_freqs.weight"] = np.array(rotary.divisors, np.float32)
    return write_gguf(path, config, checkpoint.weights, fields=fields, tensors=tensors)


def logits_of(graph: Path, tokens: Sequence[int], passes: Sequence[int] = (20, 7, 20, 1)) -> Logits:
    """Logits `[S, V]` of a converted graph, whose tokens go through it in `passes` of so many each."""
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    past = {item.name: item.shape for item in session.get_inputs() if item.name.startswith("past")}
    cache = {name: np.zeros((1, shape[1], 0, shape[3]), np.float32) for name, shape in past.items()}
    rows, start = [], 0
    for size in passes:
        feeds = {
            "input_ids": np.array([tokens[start : start + size]], np.int64),
            "attention_mask": np.ones((1, start + size), np.int64),
            "position_ids": np.arange(start, start + size)[None],
            "num_logits_to_keep": np.array(0, np.int64),
        }
        logits, *present = session.run(None, feeds | cache)
        cache = dict(zip(past, present, strict=True))
        rows.append(logits[0])
        start += size
    return np.concatenate(rows)


def llama_cpp_logits(path: Path, tokens: Sequence[int], context_tokens: int | None) -> Logits:
    """Logits `[S, V]` by llama.cpp, with a float32 cache."""
    import llama_cpp

    exact = llama_cpp.GGML_TYPE_F32

    with contextlib.closing(
        llama_cpp.Llama(
            str(path), n_ctx=context_tokens or 0, logits_all=True, type_k=exact, type_v=exact, verbose=False
        )
    ) as model:
        model.eval(list(tokens))
        return np.array(model.scores[: len(tokens)], np.float32)


def compare(variant: Variant, folder: Path) -> Iterator[Difference]:
    """Each way of running a variant against transformers; `folder` is empty at first."""
    published = folder / "published"
    reference, tokens = publish(variant, published), tokens_of(variant)
    sources = {"safetensors": published}
    if variant.gguf is not None:
        sources["gguf"] = as_gguf(variant, published, folder / "model.gguf")
    for source, path in sources.items():
        convert(path, folder / source, recipe="exact", context_tokens=variant.context_tokens)
        yield difference(variant.name, source, logits_of(folder / source / "model.onnx", tokens), reference)
    if variant.gguf is not None and variant.llama_cpp and importlib.util.find_spec("llama_cpp"):
        logits = llama_cpp_logits(sources["gguf"], tokens, variant.context_tokens)
        yield difference(variant.name, "llama.cpp", logits, reference)


def keep(variant: Variant, folder: Path) -> None:
    """A variant's checkpoint without its tokenizer, and every third row of its logits, for the test suite."""
    with tempfile.TemporaryDirectory() as scratch:
        reference = publish(variant, Path(scratch))
        target = folder / folder_name(variant)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in Path(scratch).iterdir():
            if "tokenizer" not in file.name:
                shutil.copyfile(file, target / file.name)
        save_file({"logits": np.ascontiguousarray(reference[::3])}, target / "reference.safetensors")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fixtures", type=Path)
    options = parser.parse_args()
    if not (importlib.util.find_spec("torch") and importlib.util.find_spec("transformers")):
        print("benchmarks.families needs torch and transformers: pip install torch transformers")
        return
    if options.fixtures:
        for variant in VARIANTS:
            if variant.kept:
                keep(variant, options.fixtures)
        return
    found: list[Difference] = []
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory() as scratch:
            found += compare(variant, Path(scratch))
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    print("| model | source | largest difference of a logit | their standard deviation | same choices |")
    print("|---|---|---|---|---|")
    for one in found:
        print(f"| {one.variant} | {one.source} | {one.largest:.1e} | {one.spread:.1f} | {one.same_choices} |")


if __name__ == "__main__":
    main()
