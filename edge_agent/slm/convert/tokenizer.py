"""Builds a model's tokenizer from the metadata of its GGUF file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tokenizers import AddedToken, Tokenizer, processors

from edge_agent.slm.convert.byte_level import byte_level_bpe
from edge_agent.slm.convert.gguf_file import FETCH_AGAIN, GgufFile
from edge_agent.slm.convert.sentencepiece import gguf_sentencepiece
from orchestrator.errors import ModelCorrupt, ModelUnsupported


class _Kind(IntEnum):
    """The values of `tokenizer.ggml.token_type` that count here."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5


#: The hub's words for the roles of tokens, and those of a GGUF file.
_ROLES = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
#: By `tokenizer.ggml.model`.
_MODELS: Mapping[str, Callable[[GgufFile, Mapping[str, int]], Tokenizer]] = {
    "gpt2": byte_level_bpe,
    "llama": gguf_sentencepiece,
}
_END_ROLES = ("eos", "eot", "eom")
# Files name one end token, yet chat models also end with these; llama.cpp stops at them too.
_END_TEXTS = frozenset(
    {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>"}
)


@dataclass(frozen=True, slots=True)
class ModelTokenizer:
    """A tokenizer and what goes with it.

    Attributes:
        settings: the content of `tokenizer_config.json`: `chat_template`, `bos_token`, `eos_token`, and the like.
        eos_token_ids: the tokens that end an answer, the file's own first.
    """

    tokenizer: Tokenizer
    settings: Mapping[str, object]
    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]


def model_tokenizer(file: GgufFile) -> ModelTokenizer:
    """The tokenizer of `file`.

    Raises:
        ModelUnsupported: a kind of tokenizer that is not known here.
        ModelCorrupt: metadata is missing or contradicts itself.
    """
    tokens = _Tokens(file)
    roles = {f"{role}_token": tokens.special(key) for role, key in _ROLES.items()}
    model = file.require("tokenizer.ggml.model", str)
    if model not in _MODELS:
        remedy = "Choose another model, or an ONNX build of this one, which has its own tokenizer.json"
        raise ModelUnsupported(f"{file.path} has the unknown kind of tokenizer {model!r}", remedy=remedy)
    tokenizer = _MODELS[model](file, tokens.vocabulary())
    tokenizer.add_tokens(tokens.added(_Kind.USER_DEFINED))
    tokenizer.add_special_tokens(tokens.added(_Kind.CONTROL, _Kind.UNKNOWN))
    bos = roles["bos_token"]
    if file.optional("tokenizer.ggml.add_bos_token", model == "llama") and bos is not None:
        text = tokens.texts[bos]
        tokenizer.post_processor = processors.TemplateProcessing(single=[text, "$A"], special_tokens=[(text, bos)])
    settings = {name: tokens.texts[index] for name, index in roles.items() if index is not None}
    template = file.optional("tokenizer.chat_template", "")
    if template:
        settings["chat_template"] = template
    return ModelTokenizer(tokenizer, settings, bos, tokens.ends())


class _Tokens:
    """The vocabulary of a file: texts, kinds and roles by id."""

    def __init__(self, file: GgufFile) -> None:
        self._file = file
        self.texts: Sequence[str] = file.require_list("tokenizer.ggml.tokens", str)
        self._kinds = [int(_Kind.NORMAL)] * len(self.texts)
        if "tokenizer.ggml.token_type" in file.metadata:
            self._kinds = file.require_list("tokenizer.ggml.token_type", int)
        if len(self._kinds) != len(self.texts):
            message = f"{file.path} has {len(self.texts)} tokens, but kinds for {len(self._kinds)}"
            raise ModelCorrupt(message, remedy=FETCH_AGAIN)

    def vocabulary(self) -> dict[str, int]:
        """Ids by text. Unused tokens are padding of the embedding matrix: no text makes them."""
        return {text: index for index, text in enumerate(self.texts) if self._kinds[index] != _Kind.UNUSED}

    def added(self, *wanted: _Kind) -> list[AddedToken]:
        """The tokens of some kinds, which are found in a text before it is cut into words."""
        pairs = zip(self.texts, self._kinds, strict=True)
        return [
            AddedToken(text, special=kind != _Kind.USER_DEFINED, normalized=False)
            for text, kind in pairs
            if kind in wanted
        ]

    def special(self, role: str) -> int | None:
        """The id of the token with a role (`bos`, `eos`, `padding`, ...), where the file names one."""
        key = f"tokenizer.ggml.{role}_token_id"
        if key not in self._file.metadata:
            return None
        index = self._file.require(key, int)
        if not 0 <= index < len(self.texts):
            message = f"{self._file.path} names the token {index} for {key!r}, and has {len(self.texts)}"
            raise ModelCorrupt(message, remedy=FETCH_AGAIN)
        return index

    def ends(self) -> tuple[int, ...]:
        """The tokens that end an answer, the file's own first."""
        named = [index for index in map(self.special, _END_ROLES) if index is not None]
        if not named:
            self._file.require("tokenizer.ggml.eos_token_id", int)
        pairs = enumerate(zip(self.texts, self._kinds, strict=True))
        usual = [index for index, (text, kind) in pairs if kind == _Kind.CONTROL and text in _END_TEXTS]
        return tuple(dict.fromkeys(named + usual))
