"""Getting models onto this device, and off it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_agent.home import models_dir
from edge_agent.slm import catalog
from edge_agent.slm.build import (
    CONVERTER_VERSION,
    INDEX,
    belonging,
    checkpoint_files,
    gathered,
    install_checkpoint,
    install_embedder,
    install_onnx,
    main_graph,
)
from edge_agent.slm.catalog import CatalogModel, PathEntry, SourceEntry
from edge_agent.slm.checksum import sha256_of
from edge_agent.slm.convert.recipe import DEFAULT as DEFAULT_RECIPE
from edge_agent.slm.installed import InstalledModel, Manifest, files_of, installed, is_name, verify
from edge_agent.slm.originals import Delivered, bring_original, find_kept, kept_original
from edge_agent.slm.progress import Progress, Quiet
from edge_agent.slm.reference import CatalogReference, HubReference, PathReference, parse
from edge_agent.slm.workspace import workspace
from orchestrator.errors import InvalidRequest, ModelCorrupt, ModelNotFound


def ensure(name: str, *, progress: Progress | None = None) -> Path:
    """The folder of the model called `name`, pulled if it is missing or damaged.

    This may download hundreds of megabytes; asking first is the caller's business, and `installed` says whether.

    Raises:
        ModelNotFound: neither installed nor in the catalog.
        DownloadFailed, ModelCorrupt: no source delivered it.
        StoreUnavailable: the disk is full or may not be written.
    """
    progress = progress or Quiet()
    try:
        model = installed(name)
    except ModelCorrupt as error:
        progress.note(f"{error.message}: pulling it again")
        model = None
    return (model or pull(name, progress=progress)).path


def pull(
    reference: str,
    *,
    origin: str = "",
    name: str = "",
    keep_original: bool = False,
    again: bool = False,
    progress: Progress | None = None,
) -> InstalledModel:
    """Install a model, or bring it up to date; one that is here and whole stays as it is.

    Whatever happens on the way, the model that was there before stays usable until the new one is in its place.

    Args:
        reference: a name of the catalog, `owner/name` or `owner/name/file` on the hub, or the path of a .gguf file or
            of a folder as the hub has it, with ONNX or safetensors files.
        origin: for a name of the catalog: only this source, `hub`, `wheel` or the path of the original file.
        name: for anything else: what to call it.
        keep_original: keep the downloaded file too, for another conversion.
        again: also when it is here and whole.

    Raises:
        ModelNotFound: no such model.
        DownloadFailed, ModelCorrupt: no source delivered it; a file is damaged.
        ModelUnsupported: an architecture or layout that cannot be used.
        StoreUnavailable: the disk is full or may not be written.
    """
    progress = progress or Quiet()
    wanted = parse(reference)
    if isinstance(wanted, CatalogReference):
        if name:
            raise InvalidRequest(f"{wanted.name} has its name already", remedy="Leave --name away")
        return _pull_known(catalog.find(wanted.name), origin, keep_original, again, progress)
    if origin:
        raise InvalidRequest(f"{reference} says itself where it comes from", remedy="Leave --from away")
    name = name or wanted.name
    _check_own_name(name)
    if isinstance(wanted, HubReference):
        return _pull_from_hub(wanted, name, again, progress)
    return _pull_from_path(wanted.path, name, progress)


def original_file(name: str, *, progress: Progress | None = None) -> Path:
    """The published file that the model is made from, fetched and verified where that was not done before. It is kept.

    Raises:
        As `pull`.
    """
    model = catalog.find(name)
    progress = progress or Quiet()
    if kept := find_kept(model):
        return kept.path
    with workspace(model.name, progress) as space:
        space.need(model.original.bytes)
        path = bring_original(model, space, progress, sources=model.sources, keep=True).path
        space.clear()
        return path


def convert(
    path: Path,
    *,
    name: str = "",
    recipe: str = DEFAULT_RECIPE,
    context_tokens: int | None = None,
    progress: Progress | None = None,
) -> InstalledModel:
    """Install a checkpoint of this device.

    Args:
        path: a GGUF file, or a folder with config.json, a tokenizer and safetensors files.
        name: what to call it; by default, what the file or folder is called.
        recipe: how to store its weights; a name from `edge_agent.slm.convert.recipe`.
        context_tokens: the longest conversation to make it for; by default what the model was trained for.

    Raises:
        InvalidRequest: a name that is the catalog's, or none that a folder can have; an unknown recipe; more tokens
            than the model was trained for.
        ModelNotFound: nothing is there, or a file of the folder is missing.
        ModelCorrupt, ModelUnsupported: a file is damaged, or of an architecture that cannot be converted.
    """
    from edge_agent.slm.convert.checkpoint import stated_licence

    progress = progress or Quiet()
    name = name or PathReference(path).name
    _check_own_name(name)
    licence = stated_licence(path)
    with workspace(name, progress) as space:
        sha256 = "" if path.is_dir() else sha256_of(path)
        delivered = Delivered(path, f"path {path.resolve()}", sha256, "nobody")
        return install_checkpoint(
            delivered, space, progress, recipe=recipe, licence=licence, context_tokens=context_tokens
        )


def remove(name: str) -> int:
    """Remove a model, whole or damaged, with its kept original and half-done downloads.

    Returns:
        The bytes that were freed.

    Raises:
        ModelNotFound: it is not installed.
    """
    target = models_dir() / name
    if not is_name(name) or not target.is_dir():
        raise ModelNotFound(f"{name} is not installed", remedy="See what is: edgewise models list")
    known = catalog.load().models.get(name)
    with workspace(name, Quiet()) as space:
        freed = sum(file.stat().st_size for file in files_of(target))
        target.rename(space.scratch / name)  # one step: a reader finds all of it or nothing
        for part in known.originals if known else ():
            if (original := kept_original(part)).exists():
                freed += original.stat().st_size
                original.unlink()
        space.clear()
    return freed


def _pull_known(
    model: CatalogModel, origin: str, keep_original: bool, again: bool, progress: Progress
) -> InstalledModel:
    sources = _sources(model, origin)
    if not again and (here := _current(model, progress)):
        return here
    progress.note(f"{model.name}: {model.title}")
    progress.note(f"licence {model.licence} {model.licence_url}".rstrip())
    with workspace(model.name, progress) as space:
        # Another process may have pulled it while this one waited.
        if not again and (here := _current(model, Quiet())):
            return here
        space.need(model.download_bytes + model.installed_bytes)
        delivered = bring_original(model, space, progress, sources=sources, keep=keep_original)
        beside = [
            bring_original(part, space, progress, sources=_sources_beside(part, origin), keep=keep_original)
            for part in model.originals[1:]
        ]
        progress.note(f"from {delivered.source}, sha256 {delivered.sha256[:12]}… as the catalog says")
        if model.task == "embedding":
            made = install_embedder(delivered, beside, space, recipe=model.recipe, licence=model.licence)
        else:
            whole = gathered([delivered, *beside], space)
            made = install_checkpoint(whole, space, progress, recipe=model.recipe, licence=model.licence)
        space.clear()
        return made


def _pull_from_hub(wanted: HubReference, name: str, again: bool, progress: Progress) -> InstalledModel:
    from edge_agent.slm.sources import hub

    if not again and (here := _whole(name, progress)):
        return here
    repository = hub.browse(wanted.repo)
    progress.note(f"{wanted.repo} on the hub, licence {repository.licence}")
    by_path = {file.path: file for file in repository.files}
    if wanted.file and wanted.file not in by_path:
        raise ModelNotFound(f"{wanted.repo} has no {wanted.file}", remedy=f"See https://hf.co/{wanted.repo}/tree/main")
    chosen, files = _chosen(list(by_path), wanted)
    with workspace(name, progress) as space:
        if not again and (here := _whole(name, Quiet())):
            return here
        space.need(2 * sum(by_path[file].bytes for file in files))
        for file in files:
            hub.bring(by_path[file], space.downloads / file, progress)
        place = f"hub {wanted.repo} at {by_path[chosen].commit[:12]}"
        if chosen.endswith(".onnx"):
            manifest = Manifest(name=name, source=place, verified_by="hub", licence=repository.licence)
            made = install_onnx(space.downloads, files, space, manifest)
        else:
            path = space.downloads / chosen
            delivered = Delivered(path, place, sha256_of(path), "hub")
            made = install_checkpoint(delivered, space, progress, recipe=DEFAULT_RECIPE, licence=repository.licence)
        space.clear()
        return made


def _chosen(files: Sequence[str], wanted: HubReference) -> tuple[str, list[str]]:
    """Of a repository's files, the one that stands for the model, and all that make it.

    A graph goes before weights that would have to be converted, unless these are asked for by name.
    """
    checkpoint = checkpoint_files(files)
    weights = next((file for file in checkpoint if file.endswith((".safetensors", INDEX))), "")
    chosen = wanted.file
    if not chosen:
        usual = {"model.onnx", "onnx/model.onnx"}.intersection(files)
        chosen = weights if weights and not usual else main_graph(files, wanted.repo)
    if chosen.endswith(".gguf"):
        return chosen, [chosen]
    return (chosen, belonging(files, chosen)) if chosen.endswith(".onnx") else (weights, checkpoint)


def _pull_from_path(path: Path, name: str, progress: Progress) -> InstalledModel:
    if not path.is_dir():
        return convert(path, name=name, progress=progress)
    files = [file.relative_to(path).as_posix() for file in files_of(path)]
    if checkpoint_files(files) and not any(file.endswith(".onnx") for file in files):
        return convert(path, name=name, progress=progress)
    chosen = main_graph(files, str(path))
    with workspace(name, progress) as space:
        manifest = Manifest(name=name, source=f"path {path.resolve()}")
        return install_onnx(path, belonging(files, chosen), space, manifest)


def _sources(model: CatalogModel, origin: str) -> tuple[SourceEntry, ...]:
    """Those of `model` that `origin` allows."""
    if not origin:
        return model.sources
    named = tuple(source for source in model.sources if source.kind == origin)
    if named:
        return named
    if origin in ("hub", "wheel"):
        kinds = ", ".join(source.kind for source in model.sources)
        raise InvalidRequest(f"no {origin} has {model.name}", remedy=f"Choose one of {kinds}, or the path of a file")
    return (PathEntry(kind="path", path=Path(origin)),)


def _sources_beside(part: CatalogModel, origin: str) -> tuple[SourceEntry, ...]:
    """Where to get what belongs to an original from `origin`: there too, if it is there."""
    named = tuple(source for source in part.sources if source.kind == origin)
    if named or origin in ("", "hub", "wheel"):
        return named or part.sources
    return PathEntry(kind="path", path=Path(origin).with_name(part.original.file)), *part.sources


def _current(model: CatalogModel, progress: Progress) -> InstalledModel | None:
    """The installed model if it is whole and what the catalog would install today."""
    here = _whole(model.name, progress)
    if here is None or here.manifest is None:
        return None
    made = (here.manifest.sha256, here.manifest.recipe, here.manifest.converter_version)
    if made == (model.original.sha256, model.recipe, CONVERTER_VERSION):
        return here
    progress.note(f"{model.name} was made from another file, or in another way: making it anew")
    return None


def _whole(name: str, progress: Progress) -> InstalledModel | None:
    try:
        return verify(name)
    except ModelNotFound:
        return None
    except ModelCorrupt as error:
        progress.note(f"{error.message}: pulling it again")
        return None


def _check_own_name(name: str) -> None:
    if not is_name(name):
        raise InvalidRequest(
            f"{name!r} cannot be a model's name",
            remedy="Use lower-case letters, digits, dots, dashes and underscores: --name NAME",
        )
    if name in catalog.load().models:
        raise InvalidRequest(f"{name} is the catalog's name for another file", remedy="Choose another: --name NAME")
