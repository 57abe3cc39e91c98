"""A model's files as they were published, of whichever kind: what the converter makes a model folder from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Protocol

from tokenizers import AddedToken, Tokenizer

from edge_agent.slm.convert.config import DecoderConfig
from edge_agent.slm.convert.folder import write_tokenizer
from edge_agent.slm.convert.gguf_decoder import GgufTensors, gguf_settings
from edge_agent.slm.convert.gguf_file import FETCH_AGAIN, GgufFile
from edge_agent.slm.convert.hub_folder import HubTensors, hub_settings, read_json, token_ids
from edge_agent.slm.convert.safetensors_files import SafetensorsFiles
from edge_agent.slm.convert.sentencepiece_file import read_sentencepiece
from edge_agent.slm.convert.settings import decoder_config
from edge_agent.slm.convert.stored import SizedWeights, StoredWeights
from edge_agent.slm.convert.tokenizer import model_tokenizer
from orchestrator.errors import ModelCorrupt, ModelNotFound

#: What lies beside a hub model's weights and goes into the model folder as it is, where it is there.
HUB_COMPANIONS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
)


class Checkpoint(Protocol):
    """An opened checkpoint.

    Attributes:
        config: the decoder's shape.
        weights: its weights, each read when it is asked for.
    """

    config: DecoderConfig
    weights: SizedWeights

    def write_companions(self, folder: Path) -> None:
        """Write the tokenizer and its settings to a model folder."""
        ...


def open_checkpoint(path: Path, *, context_tokens: int | None = None) -> Checkpoint:
    """Open a GGUF file, or a hub folder with safetensors files.

    Args:
        path: the file or the folder; one of a folder's safetensors files, or their index, stands for the folder.
        context_tokens: the longest sequence to make the graph for; by default what the model was trained for.

    Raises:
        InvalidRequest: `context_tokens` is more than that.
        ModelNotFound: nothing is there, or a file of the folder is missing.
        ModelCorrupt: a file is damaged, cut short, or contradicts another.
        ModelUnsupported: an architecture, tokenizer or tensor type that is not known here.
    """
    folder = _hub_folder(path)
    return HubCheckpoint(folder, context_tokens) if folder else GgufCheckpoint(path, context_tokens)


def stated_licence(path: Path) -> str:
    """The licence that a checkpoint states of itself. Raises as `open_checkpoint`."""
    folder = _hub_folder(path)
    if folder is None:
        return str(GgufFile(path).metadata.get("general.license", "not stated"))
    card = folder / "README.md"
    # The hub keeps it in the first lines of the model card, as YAML.
    lines = card.read_text(encoding="utf-8", errors="replace").split("---")[1:2] if card.is_file() else []
    stated = re.search(r"^license: *([\w.+-]+)", "".join(lines), re.MULTILINE)
    return stated[1] if stated else "not stated"


def _hub_folder(path: Path) -> Path | None:
    """The folder that `path` stands for, or None for a GGUF file."""
    if path.is_dir():
        return path
    return path.parent if path.name.endswith((".safetensors", ".safetensors.index.json")) else None


class GgufCheckpoint:
    """A GGUF file."""

    def __init__(self, path: Path, context_tokens: int | None = None) -> None:
        """As `open_checkpoint`."""
        file = GgufFile(path)
        settings = gguf_settings(file)
        tokens, rows = len(file.require_list("tokenizer.ggml.tokens", str)), settings.count("vocab_size")
        if tokens > rows:
            raise ModelCorrupt(f"{path} has {tokens} tokens, but embeds {rows}", remedy=FETCH_AGAIN)
        self._tokenizer = model_tokenizer(file)
        self.config = decoder_config(
            settings,
            bos_token_id=self._tokenizer.bos_token_id,
            eos_token_ids=self._tokenizer.eos_token_ids,
            context_tokens=context_tokens,
        )
        tensors = GgufTensors(file, settings.family, head_dim=self.config.head_dim)
        self.weights: SizedWeights = StoredWeights(tensors, self.config, str(path))

    def write_companions(self, folder: Path) -> None:
        """Write the tokenizer and the chat template that the file's metadata hold."""
        write_tokenizer(folder, self._tokenizer.tokenizer, self._tokenizer.settings)


class HubCheckpoint:
    """A folder with config.json, a tokenizer, and safetensors files."""

    def __init__(self, path: Path, context_tokens: int | None = None) -> None:
        """As `open_checkpoint`."""
        self._path = path
        settings = hub_settings(path)
        begin, ends = token_ids(settings, path)
        self.config = decoder_config(settings, bos_token_id=begin, eos_token_ids=ends, context_tokens=context_tokens)
        tensors = HubTensors(SafetensorsFiles(path), settings.family, tied_head=self.config.tied_head)
        self.weights: SizedWeights = StoredWeights(tensors, self.config, str(path))
        if not any((path / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
            remedy = "Fetch the whole folder again"
            raise ModelNotFound(f"{path} has neither tokenizer.json nor tokenizer.model", remedy=remedy)

    def write_companions(self, folder: Path) -> None:
        """Copy what lies beside the weights; a tokenizer.json is made from tokenizer.model where only that is there."""
        for name in HUB_COMPANIONS:
            if (self._path / name).is_file():
                shutil.copyfile(self._path / name, folder / name)
        if not (self._path / "tokenizer.json").is_file():
            self._tokenizer().save(str(folder / "tokenizer.json"), pretty=False)

    def _tokenizer(self) -> Tokenizer:
        """From tokenizer.model, with the tokens that tokenizer_config.json adds to it."""
        tokenizer = read_sentencepiece(self._path / "tokenizer.model")
        file = self._path / "tokenizer_config.json"
        added = read_json(file).get("added_tokens_decoder", {}) if file.is_file() else {}
        for index, entry in sorted(added.items(), key=lambda pair: int(pair[0])):
            token = AddedToken(entry["content"], special=bool(entry.get("special")), normalized=False)
            (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
            if tokenizer.token_to_id(entry["content"]) != int(index):
                raise ModelCorrupt(f"{file} gives {entry['content']!r} another id than {index}", remedy=FETCH_AGAIN)
        return tokenizer
