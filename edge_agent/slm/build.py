"""From what a source delivered to a model folder that is known to load."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from edge_agent.embedder import SentenceEmbedder
from edge_agent.slm.checksum import sha256_of
from edge_agent.slm.installed import MANIFEST, FileStamp, InstalledModel, Manifest, files_of
from edge_agent.slm.originals import Delivered
from edge_agent.slm.progress import Progress
from edge_agent.slm.workspace import Workspace
from orchestrator.errors import ModelUnsupported

#: Raised when the converter makes something better of the same file: an explicit pull then makes the model anew.
CONVERTER_VERSION = "3"

#: What lists the files of a checkpoint's weights, where they are several.
INDEX = "model.safetensors.index.json"
#: What a model needs beside its graph, where there is such a file.
COMPANIONS = frozenset(
    (
        "config.json",
        "genai_config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
    )
)


def install_checkpoint(
    delivered: Delivered,
    space: Workspace,
    progress: Progress,
    *,
    recipe: str,
    licence: str,
    context_tokens: int | None = None,
) -> InstalledModel:
    """Convert a GGUF file, or a hub folder with safetensors files, to ONNX and put the result in its place.

    Args:
        delivered: the file or the folder.
        space: of the model.
        progress: told of the conversion.
        recipe: how to store the weights.
        licence: for the manifest.
        context_tokens: the longest sequence to make the graph for; by default what the model was trained for.

    Raises:
        ModelCorrupt: a file is damaged, or is not what it should be.
        ModelUnsupported: an architecture that cannot be converted.
    """
    from edge_agent.slm.convert.pipeline import convert

    folder = space.scratch / space.name
    convert(delivered.path, folder, recipe=recipe, context_tokens=context_tokens, progress=progress)
    _prove(folder)
    return _install(folder, _manifest(delivered, space, recipe, licence), space)


def install_onnx(folder: Path, files: Sequence[str], space: Workspace, manifest: Manifest) -> InstalledModel:
    """Put a decoder that came as ONNX in its place.

    Args:
        folder: where the files are; those in the workspace are moved, others are copied.
        files: what belongs to the model, by its path in `folder`.

    Raises:
        ModelCorrupt: a file is damaged.
        ModelUnsupported: not a decoder in the hub's layout.
    """
    target = space.scratch / space.name
    for file in files:
        _take(folder / file, target / file, space)
    _prove(target)
    return _install(target, manifest, space)


def install_embedder(
    graph: Delivered, beside: Sequence[Delivered], space: Workspace, *, recipe: str, licence: str
) -> InstalledModel:
    """Put an embedding model in its place: its graph, or one made of its weights, and the files that it needs beside.

    Raises:
        ModelCorrupt: a file is damaged, or is no such model.
        ModelUnsupported: weights of an architecture that cannot be converted.
    """
    target = space.scratch / space.name
    for delivered in beside:
        _take(delivered.path, target / delivered.path.name, space)
    if graph.path.suffix == ".onnx":
        _take(graph.path, target / graph.path.name, space)
    else:
        from edge_agent.slm.convert.encoder import convert_encoder

        convert_encoder(graph.path.parent, target / "model.onnx")
    SentenceEmbedder.open(target).embed(["It loads."])
    return _install(target, _manifest(graph, space, recipe, licence), space)


def install_made(folder: Path, space: Workspace, manifest: Manifest) -> InstalledModel:
    """Put a decoder's folder that was made in the workspace in its place.

    Raises:
        ModelCorrupt, ModelUnsupported: it does not load.
    """
    _prove(folder)
    return _install(folder, manifest, space)


def gathered(parts: Sequence[Delivered], space: Workspace) -> Delivered:
    """Files that make one model, in one folder; a GGUF file is whole by itself.

    Args:
        parts: the files, the one that counts for the manifest first.
        space: of the model.
    """
    first = parts[0]
    if len(parts) == 1 and first.path.suffix == ".gguf":
        return first
    folder = space.scratch / "published"
    folder.mkdir()
    for part in parts:
        target = folder / part.path.name
        if part.path.is_relative_to(space.root):
            part.path.replace(target)
        else:
            target.symlink_to(part.path.resolve())
    return replace(first, path=folder)


def checkpoint_files(files: Sequence[str]) -> list[str]:
    """Of a repository's files, those that make a checkpoint of safetensors files; none where it has no such files."""
    weights = [file for file in files if fnmatch(file, "model*.safetensors") or file == INDEX]
    return sorted({*weights, *(COMPANIONS | {"tokenizer.model"}).intersection(files)}) if weights else []


def belonging(files: Sequence[str], graph: str) -> list[str]:
    """Of a folder's files, those that make the model of `graph`: it, its external data, tokenizer and settings."""
    place = PurePosixPath(graph)
    own = [file for file in files if PurePosixPath(file).parent == place.parent and file.startswith(graph)]
    return sorted({*own, *COMPANIONS.intersection(files)})


def main_graph(files: Sequence[str], where: str) -> str:
    """The graph of a folder: `model.onnx`, at the top or under `onnx/`, or the only one there is.

    Raises:
        ModelUnsupported: none, or several to choose from.
    """
    graphs = [file for file in files if file.endswith(".onnx")]
    for usual in ("model.onnx", "onnx/model.onnx"):
        if usual in graphs:
            return usual
    if len(graphs) == 1:
        return graphs[0]
    choice = graphs or [file for file in files if file.endswith(".gguf")]
    remedy = f"Name one of its files: {', '.join(f'{where}/{file}' for file in choice[:4])}" if choice else ""
    raise ModelUnsupported(
        f"{where} has no model.onnx", remedy=remedy or "Only ONNX, safetensors and GGUF models can be used"
    )


def _take(file: Path, target: Path, space: Workspace) -> None:
    """Move a file of the workspace to `target`; copy any other."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.is_relative_to(space.root):
        file.replace(target)
    else:
        shutil.copyfile(file, target)


def _manifest(delivered: Delivered, space: Workspace, recipe: str, licence: str) -> Manifest:
    return Manifest(
        name=space.name,
        source=delivered.source,
        sha256=delivered.sha256,
        verified_by=delivered.verified_by,
        licence=licence,
        recipe=recipe,
        converter_version=CONVERTER_VERSION,
    )


def _prove(folder: Path) -> None:
    """Load the language model in `folder`."""
    from edge_agent.slm.model import OnnxModel

    OnnxModel.open(folder, context_tokens=64).close()


def _install(folder: Path, manifest: Manifest, space: Workspace) -> InstalledModel:
    """Stamp it, and exchange it with whatever was there."""
    stamps = {
        str(PurePosixPath(file.relative_to(folder))): FileStamp(bytes=file.stat().st_size, sha256=sha256_of(file))
        for file in files_of(folder)
        if file.name != MANIFEST
    }
    complete = manifest.model_copy(
        update={"files": stamps, "created_at": datetime.now(UTC).isoformat(timespec="seconds")}
    )
    (folder / MANIFEST).write_text(complete.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return InstalledModel(space.name, space.install(folder), complete)
