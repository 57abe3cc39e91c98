"""A model as the hub has it for transformers: `config.json`, a tokenizer, and safetensors files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.families import Family
from edge_agent.slm.convert.gguf_file import FETCH_AGAIN
from edge_agent.slm.convert.safetensors_files import SafetensorsFiles
from edge_agent.slm.convert.settings import Settings, family_of
from edge_agent.slm.convert.stored import Shape
from orchestrator.errors import ModelCorrupt, ModelNotFound

# Where models that also see keep their text part, in newer and in older folders.
_PREFIXES = ("model.language_model.", "language_model.model.", "model.")
_HEADS = ("lm_head.", "language_model.lm_head.")
# Of models that also see; and what older folders keep that follows from the settings.
_IGNORED = ("vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector.")
_FOLLOWS = "rotary_emb.inv_freq"


def hub_settings(folder: Path) -> Settings:
    """The settings of the model in `folder`: those of its text part, where it has others.

    Raises:
        ModelNotFound: no config.json.
        ModelCorrupt: it cannot be read, or names no architecture.
        ModelUnsupported: an unknown architecture.
    """
    file = folder / "config.json"
    whole = read_json(file)
    values = whole.get("text_config", whole)
    if not isinstance(values, dict):
        raise ModelCorrupt(f"{file} has a text_config that is none", remedy=FETCH_AGAIN)
    return Settings(
        values, family_of(str(values.get("model_type") or whole.get("model_type", "")), str(file)), str(file)
    )


def token_ids(settings: Settings, folder: Path) -> tuple[int | None, tuple[int, ...]]:
    """The token that begins a text, if there is one, and those that end an answer, from both files that list them."""
    generation = read_json(folder / "generation_config.json") if (folder / "generation_config.json").is_file() else {}
    ends: list[int] = []
    for value in (settings.raw("eos_token_id"), generation.get("eos_token_id")):
        ends += [one for one in (value if isinstance(value, list) else [value]) if type(one) is int]
    begin = settings.raw("bos_token_id")
    return begin if type(begin) is int else None, tuple(dict.fromkeys(ends))


class HubTensors:
    """The tensors of a folder by hub name, norms as plain factors."""

    def __init__(self, files: SafetensorsFiles, family: Family, *, tied_head: bool) -> None:
        """Args:
        files: what the folder has.
        family: of the model.
        tied_head: whether a head that is stored beside the embedding is the embedding again.
        """
        self._files = files
        self._family = family
        self._own_names: dict[str, str] = {}
        leftover = []
        for own in files.shapes:
            hub = _hub_name(own)
            if hub:
                self._own_names[hub] = own
            elif hub is None:
                leftover.append(own)
        if tied_head:
            self._own_names.pop("lm_head.weight", None)
        self.shapes: Mapping[str, Shape] = {hub: files.shapes[own] for hub, own in self._own_names.items()}
        self.leftover = tuple(leftover)

    def read(self, name: str, rows: slice) -> FloatArray:
        """Some rows of a tensor."""
        weight = self._files.read(self._own_names[name], rows)
        return weight + 1 if self._family.norms_less_one and name.endswith("norm.weight") else weight

    def own_name(self, name: str) -> str:
        """What the folder calls a tensor."""
        return self._own_names.get(name, name)

    def stored_bytes(self, name: str) -> int:
        """What a tensor takes in its file."""
        return self._files.stored_bytes(self._own_names[name])


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ModelNotFound: there is no such file.
        ModelCorrupt: it holds none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelNotFound(f"{path} is missing", remedy="Fetch the whole folder again") from None
    except (OSError, ValueError) as error:
        raise ModelCorrupt(f"{path} cannot be read as JSON", remedy=FETCH_AGAIN) from error
    if not isinstance(content, dict):
        raise ModelCorrupt(f"{path} holds no JSON object", remedy=FETCH_AGAIN)
    return content


def _hub_name(own: str) -> str | None:
    """The name in a model that is text only; empty for a tensor that it does not need, None for an unknown one."""
    if own.startswith(_IGNORED) or own.endswith(_FOLLOWS):
        return ""
    for prefix in _HEADS:
        if own.startswith(prefix):
            return "lm_head." + own.removeprefix(prefix)
    for prefix in _PREFIXES:
        if own.startswith(prefix):
            return "model." + own.removeprefix(prefix)
    return None
