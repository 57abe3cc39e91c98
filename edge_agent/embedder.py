"""A sentence-embedding model on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.slm.installed import installed
from orchestrator.errors import InferenceFailed, ModelCorrupt, ModelError, ModelNotFound, ModelUnsupported

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]

_MOST_TOKENS: Final = 256
"""What MiniLM was trained for; what stands behind does not count."""
_PASS_TOKENS: Final = 512
"""Of a pass, padding included: what a layer makes of them stays in a core's cache."""
_INPUTS: Final = frozenset({"input_ids", "attention_mask", "token_type_ids"})


def installed_embedder(name: str) -> SentenceEmbedder | None:
    """The embedding model of that name, if it is on this device and whole."""
    try:
        found = installed(name)
        return SentenceEmbedder.open(found.path) if found else None
    except ModelError:
        return None


class SentenceEmbedder:
    """An `Embedder`: BERT-like encoder, mean of the last hidden states, scaled to length 1.

    The method is Sentence-BERT's (Reimers and Gurevych 2019, arXiv 1908.10084). One object may be used from several
    threads.
    """

    def __init__(
        self, name: str, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, *, threads: int = 1
    ) -> None:
        """`open` loads one from a folder."""
        self._name = name
        self._session = session
        self._tokenizer = tokenizer
        self._threads = threads
        self._inputs = {value.name for value in session.get_inputs()}

    @classmethod
    def open(cls, folder: Path, *, threads: int = 1) -> SentenceEmbedder:
        """Load the model in `folder`: `model.onnx` and `tokenizer.json`.

        Args:
            folder: an installed model.
            threads: that share many texts between them; a single text, as a question is, has one in any case.

        Raises:
            ModelNotFound: a file is missing.
            ModelCorrupt: a file is damaged.
            ModelUnsupported: it is a model of another kind, which embeds no texts.
        """
        import onnxruntime
        from tokenizers import Tokenizer

        graph, words = folder / "model.onnx", folder / "tokenizer.json"
        for file in (graph, words):
            if not file.is_file():
                raise ModelNotFound(f"{file} is missing", remedy=f"edgewise models pull {folder.name}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
            tokenizer = Tokenizer.from_file(str(words))
        except Exception as error:  # neither library has a base class for its errors
            raise ModelCorrupt(f"{folder} cannot be loaded", remedy=f"edgewise models pull {folder.name}") from error
        if not {value.name for value in session.get_inputs()} <= _INPUTS:
            raise ModelUnsupported(f"{folder.name} embeds no texts", remedy="name another, such as all-minilm-l6-v2")
        tokenizer.no_padding()
        tokenizer.enable_truncation(_MOST_TOKENS)
        return cls(folder.name, session, tokenizer, threads=threads)

    @property
    def name(self) -> str:
        """Its catalog name."""
        return self._name

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._session.get_outputs()[0].shape[-1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector of length 1 a text, float32 `[texts, dimensions]`; an empty text has one, too.

        Raises:
            InferenceFailed: the runtime failed.
        """
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(encoded), self.dimensions), np.float32)
        batches = list(_batches([len(ids) for ids in encoded]))
        passes = ([encoded[index] for index in batch] for batch in batches)
        if self._threads == 1 or len(batches) < 2:
            made = [self._pass(texts) for texts in passes]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                made = list(pool.map(self._pass, passes))
        for batch, rows in zip(batches, made, strict=True):
            vectors[batch] = rows
        return vectors

    def _pass(self, batch: Sequence[Sequence[int]]) -> Vectors:
        longest = max(len(ids) for ids in batch)
        tokens = np.zeros((len(batch), longest), np.int64)
        mask = np.zeros_like(tokens)
        for row, ids in enumerate(batch):
            tokens[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        feeds = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        try:
            hidden = self._session.run(None, {name: feeds[name] for name in self._inputs})[0]
        except Exception as error:  # as above
            raise InferenceFailed("the embedding model failed", remedy=f"edgewise models pull {self._name}") from error
        weights = mask[..., None].astype(np.float32)
        means = (np.asarray(hidden) * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        scaled: Vectors = (means / np.maximum(lengths, 1e-12)).astype(np.float32)
        return scaled


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Which texts share a pass: those of about the same length, so that little of it is padding.

    The longest come first, so that threads which share the passes end together.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > _PASS_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
