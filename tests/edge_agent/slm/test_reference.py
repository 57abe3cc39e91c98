from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.slm.reference import CatalogReference, HubReference, PathReference, parse


@pytest.mark.parametrize(
    ("text", "meant", "name"),
    [
        ("onnx-community/SmolLM2-135M-ONNX", HubReference("onnx-community/SmolLM2-135M-ONNX"), "smollm2-135m-onnx"),
        ("a/b/onnx/model_q4.onnx", HubReference("a/b", "onnx/model_q4.onnx"), "b"),
        ("a/b/Some-Q8_0.gguf", HubReference("a/b", "Some-Q8_0.gguf"), "some-q8_0"),
        ("./b/c", PathReference(Path("./b/c")), "c"),
        ("/somewhere/My Model.gguf", PathReference(Path("/somewhere/My Model.gguf")), "my-model"),
        ("model.gguf", PathReference(Path("model.gguf")), "model"),
    ],
)
def test_what_a_text_refers_to(text: str, meant: HubReference | PathReference, name: str) -> None:
    assert parse(text) == meant
    assert meant.name == name


def test_a_bare_name_is_the_catalogs() -> None:
    assert parse("smollm2-135m-instruct") == CatalogReference("smollm2-135m-instruct")


def test_what_exists_here_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert parse("owner/model") == PathReference(Path("owner/model"))
