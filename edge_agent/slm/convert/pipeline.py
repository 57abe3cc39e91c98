"""A checkpoint in, one model folder out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from edge_agent.slm.convert.calibration import calibration_text, observe_inputs
from edge_agent.slm.convert.checkpoint import Checkpoint, open_checkpoint
from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.folder import write_decoder
from edge_agent.slm.convert.pruned import PrunedCheckpoint
from edge_agent.slm.convert.recipe import DEFAULT, Recipe, recipe_named
from edge_agent.slm.convert.stored import CountedWeights
from edge_agent.slm.progress import Progress, Quiet
from edge_agent.slm.tokenizer import Tokenizer


def convert(
    path: Path,
    destination: Path,
    *,
    recipe: str = DEFAULT,
    context_tokens: int | None = None,
    layers: Sequence[int] | None = None,
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
        layers: the numbers of those to keep, from 0, for a model to draft with (`pruned`); by default all of them.
        progress: told how many bytes of the weights are done.

    Raises:
        InvalidRequest: no recipe has that name, `context_tokens` is more than the model was trained for, or a layer
            is not there.
        ModelNotFound: nothing is there, or a file of the folder is missing.
        ModelCorrupt: a file is damaged or cut short, lacks metadata, or contradicts another.
        ModelUnsupported: an architecture, tokenizer or tensor type that is not known here.
    """
    wanted = recipe_named(recipe)
    checkpoint = open_checkpoint(path, context_tokens=context_tokens)
    if layers is not None:
        checkpoint = PrunedCheckpoint(checkpoint, layers)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{destination.name}.", dir=destination.parent) as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        write_model(made, checkpoint, wanted, f"converting {path.name}", progress or Quiet())
        _exchange(made, destination, Path(scratch, "previous"))


def write_model(folder: Path, checkpoint: Checkpoint, recipe: Recipe, label: str, progress: Progress) -> None:
    """Fill an empty folder with the graph, its weights, tokenizer and chat template.

    Args:
        folder: is left as it is when anything fails.
        checkpoint: the opened model.
        recipe: how the matrices are stored.
        label: what `progress` calls it.
        progress: told how many bytes of the weights are done.

    Raises:
        ModelUnsupported: a tensor type that is not known here.
    """
    checkpoint.write_companions(folder)
    inputs_of_each: AbstractContextManager[Mapping[str, FloatArray]] = nullcontext({})
    if recipe.calibrated:
        inputs_of_each = observed(folder, checkpoint, progress)
    with inputs_of_each as inputs:
        weights = checkpoint.weights
        with progress.task(label, sum(map(weights.stored_bytes, weights))) as advance:
            write_decoder(folder, checkpoint.config, CountedWeights(weights, advance), recipe, inputs)


@contextmanager
def observed(folder: Path, checkpoint: Checkpoint, progress: Progress) -> Iterator[dict[str, FloatArray]]:
    """While the block runs, what each matrix is multiplied with on the calibration text; it lies on disk.

    Args:
        folder: with the model's tokenizer.
        checkpoint: the opened model.
        progress: told how many tokens have been read.
    """
    tokens = Tokenizer.open(folder / "tokenizer.json").encode(calibration_text())
    with tempfile.TemporaryDirectory(prefix=".calibration.", dir=folder.parent) as scratch:
        yield observe_inputs(checkpoint.config, checkpoint.weights, tokens, Path(scratch), progress)


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
