"""The models on this device: one folder each, with a manifest that says what it is and when it is whole."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.home import models_dir
from edge_agent.slm.checksum import sha256_of
from edge_agent.slm.folder import ModelFolder
from orchestrator.errors import ModelCorrupt, ModelNotFound

MANIFEST = "edgewise.json"


class FileStamp(BaseModel):
    """What a file of a model was when it was installed."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """`edgewise.json`: where a model came from.

    Attributes:
        source: which source delivered it, and from where there.
        sha256: of the original file; empty for a folder that was never one file.
        verified_by: who said what the sha256 must be: `catalog`, `hub`, or `nobody`.
        recipe: how it was converted; empty where it came as ONNX.
        created_at: ISO 8601, UTC.
        files: every other file of the folder, by its path in it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    source: str = ""
    sha256: str = ""
    verified_by: str = "nobody"
    licence: str = "not stated"
    recipe: str = ""
    converter_version: str = ""
    created_at: str = ""
    files: Mapping[str, FileStamp] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model folder that the engine can load.

    Attributes:
        manifest: None for a folder that somebody put there by hand.
    """

    name: str
    path: Path
    manifest: Manifest | None

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return sum(file.stat().st_size for file in files_of(self.path))


def installed(name: str) -> InstalledModel | None:
    """The model called `name`, or None where it is not installed. Only sizes are looked at: see `verify`.

    Raises:
        ModelCorrupt: a file is missing, or shorter or longer than it was.
    """
    if not is_name(name):
        return None
    path = models_dir() / name
    if not path.exists():
        from edge_agent.slm.workspace import put_back

        put_back(name)
    if not _is_model(path):
        return None
    manifest = _manifest(path)
    for relative, stamp in manifest.files.items() if manifest else ():
        file = path / relative
        if not file.is_file() or file.stat().st_size != stamp.bytes:
            raise _damaged(file, name)
    return InstalledModel(name, path, manifest)


def installed_names() -> list[str]:
    """What is on this device, whole or damaged, in alphabetical order."""
    folders = sorted(models_dir().iterdir()) if models_dir().is_dir() else []
    return [folder.name for folder in folders if is_name(folder.name) and _is_model(folder)]


def verify(name: str) -> InstalledModel:
    """Read every file of a model and compare it with what was installed.

    Raises:
        ModelNotFound: it is not installed.
        ModelCorrupt: a file is not what it was; the message names it.
    """
    model = installed(name)
    if model is None:
        raise ModelNotFound(f"{name} is not installed", remedy=f"Pull it: edgewise models pull {name}")
    for relative, stamp in model.manifest.files.items() if model.manifest else ():
        if sha256_of(model.path / relative) != stamp.sha256:
            raise _damaged(model.path / relative, name)
    return model


def is_name(text: str) -> bool:
    """Whether `text` can be a model's name, and so a folder's."""
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]*", text) is not None


def files_of(folder: Path) -> list[Path]:
    """All files under `folder`."""
    return sorted(Path(root, name) for root, _, names in os.walk(folder) for name in names)


def _is_model(path: Path) -> bool:
    """Whether a folder is a model, or was one: a damaged one still has its manifest."""
    try:
        ModelFolder(path)
    except ModelNotFound:
        return (path / MANIFEST).is_file()
    return True


def _manifest(path: Path) -> Manifest | None:
    file = path / MANIFEST
    try:
        return Manifest.model_validate_json(file.read_bytes()) if file.is_file() else None
    except ValidationError as error:
        raise _damaged(file, path.name) from error


def _damaged(file: Path, name: str) -> ModelCorrupt:
    return ModelCorrupt(f"{file} is damaged", remedy=f"Pull the model again: edgewise models pull {name}")
