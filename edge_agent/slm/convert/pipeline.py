"""A checkpoint in, one model folder out."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edge_agent.slm.convert.checkpoint import open_checkpoint
from edge_agent.slm.convert.folder import write_decoder
from edge_agent.slm.convert.recipe import DEFAULT, recipe_named
from edge_agent.slm.convert.stored import CountedWeights
from edge_agent.slm.progress import Progress, Quiet


def convert(
    path: Path,
    destination: Path,
    *,
    recipe: str = DEFAULT,
    context_tokens: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Convert a GGUF file, or a hub folder with safetensors files, to a model folder: graph, tokenizer, chat template.

    The folder is made beside `destination` and then moved there. A model that was there before stays until then, and
    stays for good when anything fails.

    Args:
        path: the file or the folder.
        destination: the folder to make. Its parent is created where it is missing.
        recipe: how the matrices are stored: a name in `recipe.RECIPES`.
        context_tokens: the longest sequence to make the graph for; by default what the model was trained for.
        progress: told how many bytes of the weights are done.

    Raises:
        InvalidRequest: no recipe has that name, or `context_tokens` is more than the model was trained for.
        ModelNotFound: nothing is there, or a file of the folder is missing.
        ModelCorrupt: a file is damaged or cut short, lacks metadata, or contradicts another.
        ModelUnsupported: an architecture, tokenizer or tensor type that is not known here.
    """
    wanted = recipe_named(recipe)
    checkpoint = open_checkpoint(path, context_tokens=context_tokens)
    weights = checkpoint.weights
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{destination.name}.", dir=destination.parent) as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        checkpoint.write_companions(made)
        total = sum(map(weights.stored_bytes, weights))
        with (progress or Quiet()).task(f"converting {path.name}", total) as advance:
            write_decoder(made, checkpoint.config, CountedWeights(weights, advance), wanted)
        _exchange(made, destination, Path(scratch, "previous"))


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
