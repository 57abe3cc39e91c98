"""What can be pulled: a name of the catalog, a repository of the hub, or something on this device."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CatalogReference:
    """A name of the catalog."""

    name: str


@dataclass(frozen=True, slots=True)
class HubReference:
    """`owner/name`, or `owner/name/path/of/a/file` in that repository.

    Attributes:
        file: empty for the repository itself.
    """

    repo: str
    file: str = ""

    @property
    def name(self) -> str:
        """What it is called when it is installed."""
        return _name_from(Path(self.file).stem if self.file.endswith(".gguf") else self.repo.partition("/")[2])


@dataclass(frozen=True, slots=True)
class PathReference:
    """A .gguf file, or a folder as the hub has it."""

    path: Path

    @property
    def name(self) -> str:
        """What it is called when it is installed."""
        path = self.path.resolve()
        return _name_from(path.stem if path.suffix == ".gguf" else path.name)


Reference = CatalogReference | HubReference | PathReference


def parse(text: str) -> Reference:
    """What `text` refers to. What exists on this device goes before the hub; a bare name is the catalog's."""
    path = Path(text).expanduser()
    if not {"/", os.sep} & set(text) and path.suffix != ".gguf":
        return CatalogReference(text)
    if path.exists() or not re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)+", text):
        return PathReference(path)
    owner, name, *inner = text.split("/")
    return HubReference(f"{owner}/{name}", "/".join(inner))


def _name_from(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._") or "model"
