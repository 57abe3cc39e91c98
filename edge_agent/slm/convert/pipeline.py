"""A checkpoint in, one model folder out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from edge_agent.slm.convert.calibration import calibration_text, observe_inputs
from edge_agent.slm.convert.checkpoint import Checkpoint, open_checkpoint
from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.folder import write_decoder
from edge_agent.slm.convert.gguf_file import FETCH_AGAIN
from edge_agent.slm.convert.recipe import DEFAULT, Recipe, recipe_named
from edge_agent.slm.convert.stored import CountedWeights
from edge_agent.slm.progress import Progress, Quiet
from edge_agent.slm.tokenizer import Tokenizer
from orchestrator.errors import ModelCorrupt


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
        ModelCorrupt: the file or its weights are damaged.
        ModelUnsupported: a tensor type that is not known here.
    """
    checkpoint.write_companions(folder)
    with tempfile.TemporaryDirectory(prefix=".calibration.", dir=folder.parent) as scratch:
        inputs = _observed(folder, checkpoint, Path(scratch), progress) if recipe.calibrated else {}
        weights = checkpoint.weights
        with progress.task(label, sum(map(weights.stored_bytes, weights))) as advance:
            try:
                write_decoder(folder, checkpoint.config, CountedWeights(weights, advance), recipe, inputs)
            except np.linalg.LinAlgError as error:
                raise ModelCorrupt(f"{label}: the weights make no finite numbers", remedy=FETCH_AGAIN) from error


def _observed(folder: Path, checkpoint: Checkpoint, scratch: Path, progress: Progress) -> dict[str, FloatArray]:
    tokens = Tokenizer.open(folder / "tokenizer.json").encode(calibration_text())
    return observe_inputs(checkpoint.config, checkpoint.weights, tokens, scratch, progress)


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
