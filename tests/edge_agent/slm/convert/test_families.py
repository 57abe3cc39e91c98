"""Converted models against transformers: with its logits that are kept here, and with itself where it is installed."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from benchmarks.families import (
    VARIANTS,
    Variant,
    as_gguf,
    compare,
    difference,
    folder_name,
    logits_of,
    tokens_of,
    write_tokenizer_files,
)
from edge_agent.slm.convert.pipeline import convert

FIXTURES = Path(__file__).parent / "fixtures"
KEPT = [variant for variant in VARIANTS if variant.kept]


@pytest.mark.parametrize("source", ["safetensors", "gguf"])
@pytest.mark.parametrize("variant", KEPT, ids=folder_name)
def test_logits_are_those_that_transformers_once_had(variant: Variant, source: str, tmp_path: Path) -> None:
    """The kept logits are every third row: `python -m benchmarks.families --fixtures FOLDER` makes them anew."""
    published = tmp_path / "published"
    shutil.copytree(FIXTURES / folder_name(variant), published)
    write_tokenizer_files(published)
    path = published if source == "safetensors" else as_gguf(variant, published, tmp_path / "model.gguf")
    convert(path, tmp_path / "made", recipe="exact", context_tokens=variant.context_tokens)
    logits = logits_of(tmp_path / "made" / "model.onnx", tokens_of(variant))
    reference = load_file(FIXTURES / folder_name(variant) / "reference.safetensors")["logits"]
    found = difference(variant.name, source, logits[::3], reference)
    assert found.largest < 1e-4
    assert found.same_choices
    assert found.spread > 1


@pytest.mark.parametrize("variant", VARIANTS, ids=folder_name)
def test_logits_are_those_of_transformers(variant: Variant, tmp_path: Path) -> None:
    if not (importlib.util.find_spec("torch") and importlib.util.find_spec("transformers")):
        pytest.skip("torch and transformers are not installed; the kept logits are checked all the same")
    for found in compare(variant, tmp_path):
        # llama.cpp takes GELU from a table in half precision.
        assert found.largest < (1e-2 if found.source == "llama.cpp" else 1e-4)
        assert found.same_choices


def test_every_family_is_kept_here() -> None:
    from edge_agent.slm.convert.families import FAMILIES

    assert {variant.model_type.removesuffix("_text") for variant in KEPT} == set(FAMILIES)
