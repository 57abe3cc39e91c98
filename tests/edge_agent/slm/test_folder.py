"""Installed-model folders, ours and foreign ones, whole and damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge_agent.slm.folder import ModelFolder, Sizes
from orchestrator.errors import ModelCorrupt, ModelNotFound, ModelUnsupported


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "tiny"))


def write(path: Path, **content: object) -> None:
    path.write_text(json.dumps(content))


def test_what_a_folder_says(folder: Path) -> None:
    files = ModelFolder(folder)
    assert files.name == "tiny"
    assert files.context_tokens == 512
    assert files.end_ids == {2}
    assert files.special_tokens == {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    assert "<|im_start|>" in files.chat_template
    assert files.weight_bytes == sum((folder / name).stat().st_size for name in ("model.onnx", "model.onnx.data"))


def test_our_manifest_names_the_model(folder: Path) -> None:
    write(folder / "edgewise.json", name="tiny-instruct")
    assert ModelFolder(folder).name == "tiny-instruct"


def test_the_hubs_own_habits(folder: Path) -> None:
    """Graphs under onnx/, tokens as objects, several end tokens in two files, several templates."""
    (folder / "onnx").mkdir()
    for name in ("model.onnx", "model.onnx.data"):
        (folder / name).rename(folder / "onnx" / name)
    write(folder / "config.json", max_position_embeddings=64, eos_token_id=[2, 7])
    write(folder / "generation_config.json", eos_token_id=9)
    templates = [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]
    write(folder / "tokenizer_config.json", bos_token={"content": "<s>"}, eos_token=None, chat_template=templates)
    files = ModelFolder(folder)
    assert files.graph == folder / "onnx" / "model.onnx"
    assert files.weight_bytes > 0
    assert files.end_ids == {2, 7, 9}
    assert files.special_tokens == {"bos_token": "<s>"}
    assert files.chat_template == "D"
    (folder / "chat_template.jinja").write_text("own file")
    assert ModelFolder(folder).chat_template == "own file"


def test_what_onnxruntime_genai_writes_instead_of_a_configuration(folder: Path) -> None:
    (folder / "config.json").unlink()
    decoder = {"filename": "model.onnx", "num_key_value_heads": 2, "head_size": 16}
    write(folder / "genai_config.json", model={"context_length": 64, "eos_token_id": [2, 5], "decoder": decoder})
    files = ModelFolder(folder)
    assert (files.context_tokens, files.end_ids) == (64, frozenset({2, 5}))
    assert files.sizes == Sizes(kv_heads=2, head_dim=16, vocabulary=None)


def test_settings_of_the_text_part_of_a_model_that_also_sees(folder: Path) -> None:
    text = {"max_position_embeddings": 128, "num_attention_heads": 4, "hidden_size": 64, "vocab_size": 300}
    write(folder / "config.json", model_type="gemma3", eos_token_id=[1, 106], text_config=text)
    files = ModelFolder(folder)
    assert (files.context_tokens, files.end_ids) == (128, frozenset({1, 106}))
    assert files.sizes == Sizes(kv_heads=4, head_dim=16, vocabulary=300)


def test_the_only_graph_will_do(folder: Path) -> None:
    (folder / "model.onnx").rename(folder / "model_q4.onnx")
    assert ModelFolder(folder).graph.name == "model_q4.onnx"
    (folder / "model_q4.onnx").rename(folder / "model_fp16.onnx")
    (folder / "model_int8.onnx").write_bytes(b"")
    with pytest.raises(ModelNotFound, match=r"no model\.onnx"):
        ModelFolder(folder)


def test_no_folder_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="edgewise models pull nothing-here"):
        ModelFolder(tmp_path / "nothing-here")


@pytest.mark.parametrize("content", ["", '{"model_type": ', "[1, 2]", "\x00\xff"])
def test_a_damaged_configuration(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(ModelCorrupt, match=r"config\.json") as caught:
        _ = ModelFolder(folder).end_ids
    assert "pull the model again" in caught.value.remedy


def test_a_missing_configuration(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(ModelNotFound, match=r"config\.json is missing"):
        _ = ModelFolder(folder).context_tokens


def test_a_window_that_nobody_states(folder: Path) -> None:
    write(folder / "config.json", model_type="llama")
    with pytest.raises(ModelUnsupported, match="max_position_embeddings"):
        _ = ModelFolder(folder).context_tokens


def test_a_base_model_cannot_chat(folder: Path) -> None:
    write(folder / "tokenizer_config.json", bos_token="<s>")
    with pytest.raises(ModelUnsupported, match="no chat template"):
        _ = ModelFolder(folder).chat_template


def test_the_folder_of_an_embedding_model_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "minilm"
    folder.mkdir()
    (folder / "model.onnx").touch()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelUnsupported, match="minilm is no language model"):
        ModelFolder(folder).require_language_model()
