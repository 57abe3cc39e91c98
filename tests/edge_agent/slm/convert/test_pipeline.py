from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edge_agent.slm.convert.checkpoint import open_checkpoint
from edge_agent.slm.convert.gguf_file import GgufFile
from edge_agent.slm.convert.pipeline import convert
from edge_agent.slm.convert.recipe import RECIPES
from edge_agent.slm.convert.synthetic import random_weights, tiny_config, write_synthetic_model
from edge_agent.slm.progress import Advance
from orchestrator.errors import InvalidRequest, ModelCorrupt, ModelError, ModelNotFound

CONFIG = tiny_config()
WriteGguf = Callable[..., Path]


@pytest.fixture
def path(write_gguf: WriteGguf) -> Path:
    """A tiny llama file."""
    return write_gguf(CONFIG, random_weights(CONFIG, np.random.default_rng(0)))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_graph_is_that_of_the_weights_themselves(path: Path, tmp_path: Path) -> None:
    """The detour over the file, its names and its order of rotary rows, changes nothing."""
    convert(path, tmp_path / "made", recipe="exact")
    write_synthetic_model(tmp_path / "direct", seed=0, recipe="exact")
    assert (tmp_path / "made/model.onnx.data").read_bytes() == (tmp_path / "direct/model.onnx.data").read_bytes()


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model_type", ["llama", "qwen2"])
def test_a_folder_is_complete(write_gguf: WriteGguf, tmp_path: Path, recipe: str, model_type: str) -> None:
    config = tiny_config(model_type=model_type, tied_head=model_type == "llama")
    path = write_gguf(config, random_weights(config, np.random.default_rng(0)), kind=gguf.GGMLQuantizationType.Q8_0)
    made = tmp_path / "models" / "tiny"
    convert(path, made, recipe=recipe)
    assert set(contents(made)) == {
        "config.json",
        "model.onnx",
        "model.onnx.data",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    hub = json.loads((made / "config.json").read_text())
    assert (hub["model_type"], hub["eos_token_id"], hub["max_position_embeddings"]) == (model_type, [2, 0], 512)
    assert json.loads((made / "tokenizer_config.json").read_text())["eos_token"] == "<|im_end|>"
    assert Tokenizer.from_file(str(made / "tokenizer.json")).encode("<|im_end|>").ids == [2]
    assert [item.name for item in made.parent.iterdir()] == ["tiny"]


def test_the_engine_answers_with_it(path: Path, tmp_path: Path) -> None:
    from edge_agent.slm.model import OnnxModel

    convert(path, tmp_path / "made")
    OnnxModel.open(tmp_path / "made").close()


def test_a_model_that_was_there_is_replaced(path: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    write_synthetic_model(made, seed=9)
    (made / "left-over").touch()
    before = contents(made)
    convert(path, made, recipe="exact")
    assert "left-over" not in contents(made)
    assert contents(made)["model.onnx.data"] != before["model.onnx.data"]


@pytest.mark.parametrize("damage", ["cut", "type", "weights"])
def test_a_failure_leaves_the_model_that_was_there(path: Path, tmp_path: Path, damage: str) -> None:
    models = tmp_path / "models"
    write_synthetic_model(models / "tiny", seed=9)
    before = contents(models / "tiny")
    content = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(content[:-100])
        case "type":
            path.write_bytes(content.replace(b"general.architecture", b"general.architectur_"))
        case "weights":
            path.write_bytes(content.replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_up.wait__"))
    with pytest.raises(ModelCorrupt, match=r"model\.gguf") as error:
        convert(path, models / "tiny")
    assert error.value.remedy
    assert contents(models / "tiny") == before
    assert [item.name for item in models.iterdir()] == ["tiny"]


def test_a_failed_exchange_puts_the_model_back(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "models" / "tiny"
    write_synthetic_model(made, seed=9)
    before = contents(made)
    rename = Path.rename

    def refuse(source: Path, target: Path) -> Path:
        if source.name == "made":
            raise PermissionError("no")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        convert(path, made)
    assert contents(made) == before


def test_progress_rises_to_the_bytes_of_the_weights(path: Path, tmp_path: Path) -> None:
    totals: dict[str, int] = {}
    steps: list[int] = []

    class Told:
        def note(self, line: str) -> None:
            raise AssertionError(line)

        def task(self, label: str, total: int, *, in_bytes: bool = True) -> AbstractContextManager[Advance]:
            totals[label] = total
            return nullcontext(steps.append)

    convert(path, tmp_path / "made", progress=Told())
    assert list(totals) == ["converting model.gguf"]
    assert steps == sorted(steps)
    assert steps[-1] == totals["converting model.gguf"]


def test_an_unknown_recipe_is_named_with_the_known_ones(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"'q3'.*exact, q8"):
        convert(path, tmp_path / "made", recipe="q3")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"absent\.gguf"):
        convert(tmp_path / "absent.gguf", tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def refusal(path: Path) -> ModelError | None:
    """Why a file is not converted, or None where all its header makes sense."""
    try:
        open_checkpoint(path)
    except ModelError as error:
        return error
    return None


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_to_the_header_is_harmless_or_a_typed_error(path: Path, data: st.DataObject) -> None:
    """Whatever bytes are changed: no other exception, no endless loop, no memory for what a length only claims."""
    content = bytearray(path.read_bytes())
    header = len(content) - sum(weight.nbytes for weight in random_weights(CONFIG, np.random.default_rng(0)).values())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    damaged = path.with_name("damaged.gguf")
    damaged.write_bytes(content)
    error = refusal(damaged)
    assert error is None or ("damaged.gguf" in error.message and error.remedy)


def test_metadata_of_any_kind_is_harmless_or_a_typed_error(write_gguf: WriteGguf) -> None:
    """Every value of the header replaced by one of another kind."""
    weights = random_weights(CONFIG, np.random.default_rng(0))
    wrong: list[Any] = [0, -1.5, "x", True, [1], ["x"]]
    for key in GgufFile(write_gguf(CONFIG, weights)).metadata:
        for value in wrong if key != "general.architecture" else ():
            error = refusal(write_gguf(CONFIG, weights, fields={key: value}))
            assert error is None or error.remedy
