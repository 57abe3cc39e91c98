"""One file in, one model folder out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_agent.slm.convert.architecture import GgufWeights, decoder_config, gguf_name
from edge_agent.slm.convert.config import FloatArray, Weights
from edge_agent.slm.convert.folder import write_decoder, write_tokenizer
from edge_agent.slm.convert.gguf_file import GgufFile
from edge_agent.slm.convert.recipe import DEFAULT, recipe_named
from edge_agent.slm.convert.tokenizer import model_tokenizer
from edge_agent.slm.progress import Advance, Progress, Quiet


def convert_gguf(path: Path, destination: Path, *, recipe: str = DEFAULT, progress: Progress | None = None) -> None:
    """Convert a GGUF file of the llama or qwen2 architecture to a model folder: graph, tokenizer, chat template.

    The folder is made beside `destination` and then moved there. A model that was there before stays until then, and
    stays for good when anything fails.

    Args:
        path: the GGUF file.
        destination: the folder to make. Its parent is created where it is missing.
        recipe: how the matrices are stored: a name in `recipe.RECIPES`.
        progress: told how many bytes of the weights are done.

    Raises:
        InvalidRequest: no recipe has that name.
        ModelNotFound: there is no such file.
        ModelCorrupt: the file is no GGUF file, is damaged or cut short, or lacks metadata.
        ModelUnsupported: an architecture, tokenizer or tensor type that is not known here.
    """
    wanted = recipe_named(recipe)
    file = GgufFile(path)
    tokenizer = model_tokenizer(file)
    config = decoder_config(file, tokenizer.bos_token_id, tokenizer.eos_token_ids)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{destination.name}.", dir=destination.parent) as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        write_tokenizer(made, tokenizer.tokenizer, tokenizer.settings)
        weights = GgufWeights(file, config)
        total = sum(file.stored_bytes(gguf_name(name)) for name in weights)
        with (progress or Quiet()).task(f"converting {path.name}", total) as advance:
            write_decoder(made, config, _Counted(weights, file, advance), wanted)
        _exchange(made, destination, Path(scratch, "previous"))


class _Counted(Weights):
    """Weights that tell how many bytes of them have been asked for."""

    def __init__(self, weights: Weights, file: GgufFile, advance: Advance) -> None:
        self._weights = weights
        self._file = file
        self._advance = advance
        self._done = 0

    def __getitem__(self, name: str) -> FloatArray:
        weight = self._weights[name]
        self._done += self._file.stored_bytes(gguf_name(name))
        self._advance(self._done)
        return weight

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)


def _exchange(made: Path, destination: Path, previous: Path) -> None:
    """Put `made` in the place of `destination`, and what was there at `previous`."""
    if not destination.exists():
        made.rename(destination)
        return
    destination.rename(previous)
    try:
        made.rename(destination)
    except OSError:
        previous.rename(destination)
        raise
