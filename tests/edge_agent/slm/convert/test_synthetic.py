from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edge_agent.slm.convert.synthetic import tiny_tokenizer, write_synthetic_model

TOKENIZER = tiny_tokenizer()


@given(st.text())
def test_the_tiny_tokenizer_gives_every_text_back(text: str) -> None:
    ids = TOKENIZER.encode(text).ids
    assert TOKENIZER.decode(ids, skip_special_tokens=False) == text


def test_a_folder_is_complete(tmp_path: Path) -> None:
    write_synthetic_model(tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    tokenizer = Tokenizer.from_file(str(tmp_path / "model/tokenizer.json"))
    assert config["vocab_size"] == tokenizer.get_vocab_size() == 300
    assert config["eos_token_id"] == tokenizer.token_to_id("<|im_end|>")
    settings = json.loads((tmp_path / "model/tokenizer_config.json").read_text())
    assert "im_start" in settings["chat_template"]


def test_a_seed_makes_the_same_weights_again(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_synthetic_model(tmp_path / name, seed=seed)
    weights = {name: (tmp_path / name / "model.onnx.data").read_bytes() for name in "abc"}
    assert weights["a"] == weights["b"] != weights["c"]
