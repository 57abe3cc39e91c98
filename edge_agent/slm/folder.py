"""An installed model: a folder in the hub's usual layout, ours or anybody's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestrator.errors import ModelCorrupt, ModelNotFound, ModelUnsupported

# What onnxruntime-genai's builder calls what config.json says: in `model`, and in its `decoder`.
_GENAI = {"max_position_embeddings": "context_length", "eos_token_id": "eos_token_id", "vocab_size": "vocab_size"}
_GENAI_DECODER = {"num_key_value_heads": "num_key_value_heads", "head_dim": "head_size"}
_SETTINGS = ("config.json", "genai_config.json", "tokenizer_config.json")
_SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a model's configuration says of sizes that its graph may leave open; None where it does not say."""

    kv_heads: int | None = None
    head_dim: int | None = None
    vocabulary: int | None = None


class ModelFolder:
    """What the files beside the weights say. Each is read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        """Raises:
        ModelNotFound: no such folder, or it holds no graph.
        """
        self.path = path
        self.remedy = f"pull the model again: edgewise models pull {path.name}"
        if not path.is_dir():
            raise ModelNotFound(f"no model at {path}", remedy=f"pull it: edgewise models pull {path.name}")
        self.graph = self._find_graph()

    def require_language_model(self) -> ModelFolder:
        """Itself.

        Raises:
            ModelUnsupported: nothing here says how to write: the folder of an embedding model, for instance.
        """
        if any((self.path / name).exists() for name in _SETTINGS):
            return self
        raise ModelUnsupported(
            f"{self.name} is no language model: {self.path} has neither {' nor '.join(_SETTINGS)}",
            remedy="name a model that writes; see `edgewise models list`",
        )

    @property
    def name(self) -> str:
        """The catalog name from our manifest; a foreign folder is called what it is called."""
        return str(self._json("edgewise.json", optional=True).get("name", self.path.name))

    @property
    def tokenizer(self) -> Path:
        """Where the tokenizer is."""
        return self.path / "tokenizer.json"

    @property
    def weight_bytes(self) -> int:
        """Bytes of the graph and its external data: what one pass over the weights reads."""
        data = self.graph.parent.glob(f"{self.graph.name}?data*")
        return self.graph.stat().st_size + sum(file.stat().st_size for file in data)

    @property
    def context_tokens(self) -> int:
        """The longest sequence that the model was trained for.

        Raises:
            ModelUnsupported: config.json does not say.
        """
        length = self._config.get("max_position_embeddings")
        if not isinstance(length, int) or length < 2:
            raise ModelUnsupported(
                f"{self.path / 'config.json'} states no max_position_embeddings",
                remedy="set the context length yourself",
            )
        return length

    @property
    def sizes(self) -> Sizes:
        """Sizes of the cache and the logits, as far as the configuration has them."""
        heads, hidden = self._count("num_attention_heads"), self._count("hidden_size")
        return Sizes(
            kv_heads=self._count("num_key_value_heads") or heads,
            head_dim=self._count("head_dim") or (hidden // heads if hidden and heads else None),
            vocabulary=self._count("vocab_size"),
        )

    @property
    def end_ids(self) -> frozenset[int]:
        """Token ids that end an answer, as the configuration files list them."""
        ids: set[int] = set()
        for source in (self._config, self._json("generation_config.json", optional=True)):
            value = source.get("eos_token_id")
            ids.update([value] if isinstance(value, int) else value or [])
        return frozenset(ids)

    @property
    def special_tokens(self) -> dict[str, str]:
        """`bos_token`, `eos_token`, … by name, those that the model has."""
        found = ((name, self._tokenizer_config.get(name)) for name in _SPECIAL)
        texts = ((name, value.get("content") if isinstance(value, dict) else value) for name, value in found)
        return {name: value for name, value in texts if isinstance(value, str)}

    @property
    def chat_template(self) -> str:
        """The Jinja source: a file of its own, or the default one in tokenizer_config.json.

        Raises:
            ModelUnsupported: there is none: a base model that was never taught to chat.
        """
        own = self.path / "chat_template.jinja"
        if own.is_file():
            return own.read_text(encoding="utf-8")
        template = self._tokenizer_config.get("chat_template")
        if isinstance(template, list):
            template = {entry.get("name"): entry.get("template") for entry in template}.get("default")
        if not isinstance(template, str):
            raise ModelUnsupported(f"{self.name} has no chat template", remedy="use an instruct model")
        return template

    @cached_property
    def _config(self) -> dict[str, Any]:
        """config.json with the settings of its text part over it, or the same of a genai_config.json."""
        genai = self._json("genai_config.json", optional=True).get("model", {})
        if genai and not (self.path / "config.json").exists():
            decoder = genai.get("decoder", {})
            return {key: genai.get(name) for key, name in _GENAI.items()} | {
                key: decoder.get(name) for key, name in _GENAI_DECODER.items()
            }
        config = self._json("config.json")
        return {**config, **config.get("text_config", {})}

    @cached_property
    def _tokenizer_config(self) -> dict[str, Any]:
        return self._json("tokenizer_config.json")

    def _count(self, key: str) -> int | None:
        value = self._config.get(key)
        return value if isinstance(value, int) else None

    def _json(self, name: str, *, optional: bool = False) -> dict[str, Any]:
        """The object in a JSON file; of an optional one that is not there, an empty one."""
        file = self.path / name
        if optional and not file.exists():
            return {}
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelNotFound(f"{file} is missing", remedy=self.remedy) from None
        except (OSError, ValueError) as error:
            raise ModelCorrupt(f"{file} cannot be read as JSON", remedy=self.remedy) from error
        if not isinstance(content, dict):
            raise ModelCorrupt(f"{file} holds no JSON object", remedy=self.remedy)
        return content

    def _find_graph(self) -> Path:
        """`model.onnx`, here or under `onnx/`; failing that, the only graph there is."""
        for folder in (self.path, self.path / "onnx"):
            if (folder / "model.onnx").is_file():
                return folder / "model.onnx"
            graphs = list(folder.glob("*.onnx"))
            if len(graphs) == 1:
                return graphs[0]
        raise ModelNotFound(f"{self.path} holds no model.onnx", remedy=self.remedy)
