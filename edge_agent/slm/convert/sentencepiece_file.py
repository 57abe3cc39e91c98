"""A SentencePiece `tokenizer.model`, which older hub folders have instead of a tokenizer.json."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from tokenizers import AddedToken, Tokenizer

from edge_agent.slm.convert.gguf_file import FETCH_AGAIN
from edge_agent.slm.convert.sentencepiece import sentencepiece_bpe
from orchestrator.errors import ModelCorrupt, ModelUnsupported

_BPE = 2
_UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED = 2, 3, 4, 5
# The fields that count, by message: name, number, type. From sentencepiece_model.proto of the SentencePiece project.
_FIELD = descriptor_pb2.FieldDescriptorProto
_MESSAGES: dict[str, tuple[tuple[str, int, Any], ...]] = {
    "Piece": (("piece", 1, _FIELD.TYPE_STRING), ("score", 2, _FIELD.TYPE_FLOAT), ("type", 3, _FIELD.TYPE_INT32)),
    "Trainer": (("model_type", 3, _FIELD.TYPE_INT32),),
    "Normalizer": (("add_dummy_prefix", 3, _FIELD.TYPE_BOOL),),
    "Model": (("pieces", 1, ".Piece"), ("trainer_spec", 2, ".Trainer"), ("normalizer_spec", 3, ".Normalizer")),
}


def read_sentencepiece(path: Path) -> Tokenizer:
    """The tokenizer in a `tokenizer.model` file, its control tokens among the added ones.

    Raises:
        ModelCorrupt: it is no such file.
        ModelUnsupported: it does not merge pairs (a unigram model).
    """
    try:
        model: Any = fields_of_a_model().FromString(path.read_bytes())
    except (DecodeError, OSError) as error:
        raise ModelCorrupt(f"{path} is not a SentencePiece model", remedy=FETCH_AGAIN) from error
    # A field that is absent has the value that the format states: 1 for kinds and models, true for the prefix.
    kinds = [piece.type or 1 for piece in model.pieces]
    texts = [piece.piece for piece in model.pieces]
    if _UNKNOWN not in kinds:
        raise ModelCorrupt(f"{path} has no token for what is unknown", remedy=FETCH_AGAIN)
    if model.trainer_spec.model_type != _BPE:
        remedy = "Use a folder that has a tokenizer.json"
        raise ModelUnsupported(f"{path} is not a byte-pair model", remedy=remedy)
    vocabulary = {text: index for index, text in enumerate(texts) if kinds[index] != _UNUSED}
    spec = model.normalizer_spec
    tokenizer = sentencepiece_bpe(
        vocabulary,
        [piece.score for piece in model.pieces],
        unknown=texts[kinds.index(_UNKNOWN)],
        prefixed=spec.add_dummy_prefix or not spec.HasField("add_dummy_prefix"),
    )
    pairs = list(zip(texts, kinds, strict=True))
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text, kind in pairs if kind == _USER_DEFINED])
    special = [AddedToken(text, special=True, normalized=False) for text, kind in pairs if kind in (_UNKNOWN, _CONTROL)]
    tokenizer.add_special_tokens(special)
    return tokenizer


@cache
def fields_of_a_model() -> Any:
    """The message class of a whole file, made at run time, with the few fields that count here."""
    file = descriptor_pb2.FileDescriptorProto(name="sentencepiece_fields.proto", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            label = _FIELD.LABEL_REPEATED if field == "pieces" else _FIELD.LABEL_OPTIONAL
            entry = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                entry.type, entry.type_name = _FIELD.TYPE_MESSAGE, kind
            else:
                entry.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Model"))
