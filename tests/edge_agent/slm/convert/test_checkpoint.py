"""Hub folders: names of tensors, tokens that end an answer, tokenizers of both kinds, what is missing or strange."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from benchmarks.families import write_tokenizer_files
from edge_agent.slm.convert.checkpoint import HubCheckpoint, open_checkpoint, stated_licence
from edge_agent.slm.convert.safetensors_files import INDEX, SINGLE
from orchestrator.errors import ModelCorrupt, ModelError, ModelNotFound, ModelUnsupported
from tests.edge_agent.slm.convert.test_sentencepiece_file import write_sentencepiece

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny gemma3 in one file."""
    path = Path(shutil.copytree(FIXTURES / "gemma3", tmp_path / "gemma"))
    tensors: dict[str, Any] = {}
    for file in path.glob("model-*.safetensors"):
        tensors |= load_file(file)
        file.unlink()
    (path / INDEX).unlink()
    (path / "reference.safetensors").unlink()
    save_file(tensors, path / SINGLE)
    write_tokenizer_files(path)
    return path


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def rename(folder: Path, **prefixes: str) -> None:
    """Give tensors other names: by what these begin with, dots as underscores."""
    renamed = {}
    for name, tensor in load_file(folder / SINGLE).items():
        first, _, rest = name.partition(".")
        renamed[f"{prefixes[first]}.{rest}" if first in prefixes else name] = tensor
    save_file(renamed, folder / SINGLE)


def test_norms_that_are_stored_less_one_come_whole(folder: Path) -> None:
    stored = load_file(folder / SINGLE)["model.layers.0.self_attn.q_norm.weight"].astype(np.float32)
    weights = open_checkpoint(folder).weights
    np.testing.assert_array_equal(weights["model.layers.0.self_attn.q_norm.weight"], stored + 1)


@pytest.mark.parametrize("prefix", ["model.language_model", "language_model.model"])
def test_the_text_part_of_a_model_that_also_sees(folder: Path, prefix: str) -> None:
    plain = open_checkpoint(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": config}))
    rename(folder, model=prefix)
    sees = {"vision_tower.patch.weight": np.zeros((2, 2), np.float32)}
    save_file(load_file(folder / SINGLE) | sees, folder / SINGLE)
    whole = open_checkpoint(folder)
    assert whole.config == plain.config
    name = "model.layers.1.mlp.down_proj.weight"
    np.testing.assert_array_equal(whole.weights[name], plain.weights[name])


def test_a_tied_head_that_is_stored_again_is_left_out(folder: Path) -> None:
    tensors = load_file(folder / SINGLE)
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"]}, folder / SINGLE)
    assert "lm_head.weight" not in open_checkpoint(folder).weights


def test_both_files_name_tokens_that_end_an_answer(folder: Path) -> None:
    change(folder / "config.json", eos_token_id=1)
    change(folder / "generation_config.json", eos_token_id=[1, 106])
    assert open_checkpoint(folder).config.eos_token_ids == (1, 106)
    (folder / "generation_config.json").unlink()
    assert open_checkpoint(folder).config.eos_token_ids == (1,)


def test_one_of_its_files_stands_for_the_folder(folder: Path) -> None:
    assert isinstance(open_checkpoint(folder / SINGLE), HubCheckpoint)


def test_a_tokenizer_is_made_from_a_sentencepiece_file(folder: Path, tmp_path: Path) -> None:
    (folder / "tokenizer.json").unlink()
    write_sentencepiece(folder / "tokenizer.model")
    change(folder / "tokenizer_config.json", added_tokens_decoder={"8": {"content": "<|end|>", "special": True}})
    made = tmp_path / "made"
    made.mkdir()
    open_checkpoint(folder).write_companions(made)
    assert Tokenizer.from_file(str(made / "tokenizer.json")).encode("ab<|end|>").ids == [7, 8]
    change(folder / "tokenizer_config.json", added_tokens_decoder={"20": {"content": "<|end|>"}})
    with pytest.raises(ModelCorrupt, match="gives '<\\|end\\|>' another id than 20"):
        open_checkpoint(folder).write_companions(made)


def without(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def with_tensor(name: str, shape: tuple[int, ...] | None) -> Any:
    def alter(folder: Path) -> None:
        tensors = load_file(folder / SINGLE)
        tensors.pop(name, None)
        added = {} if shape is None else {name: np.zeros(shape, np.float32)}
        save_file(tensors | added, folder / SINGLE)

    return alter


@pytest.mark.parametrize(
    ("alter", "error", "said"),
    [
        (without("config.json"), ModelNotFound, r"config\.json is missing"),
        (without("tokenizer.json"), ModelNotFound, r"neither tokenizer\.json nor tokenizer\.model"),
        (lambda folder: (folder / "config.json").write_text("{"), ModelCorrupt, "cannot be read as JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), ModelCorrupt, "holds no JSON object"),
        (lambda folder: (folder / "config.json").write_text("{}"), ModelUnsupported, "unknown architecture ''"),
        (lambda folder: change(folder / "config.json", text_config=3), ModelCorrupt, "text_config that is none"),
        (with_tensor("model.norm.weight", None), ModelCorrupt, r"lacks the tensor 'model\.norm\.weight'"),
        (with_tensor("model.norm.weight", (33,)), ModelCorrupt, r"as \(33,\), not \(32,\)"),
        (with_tensor("model.layers.0.lora.weight", (3,)), ModelUnsupported, r"'model\.layers\.0\.lora\.weight'"),
        (with_tensor("classifier.weight", (3,)), ModelUnsupported, r"'classifier\.weight'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_missing_or_strange_is_named(folder: Path, alter: Any, error: type[ModelError], said: str) -> None:
    alter(folder)
    with pytest.raises(error, match=said) as failure:
        open_checkpoint(folder)
    assert failure.value.remedy


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# It", "apache-2.0"),
        ("# license: none", "not stated"),
        (None, "not stated"),
    ],
)
def test_the_licence_of_a_folder_is_its_cards(folder: Path, card: str | None, licence: str) -> None:
    if card:
        (folder / "README.md").write_text(card)
    assert stated_licence(folder) == licence
