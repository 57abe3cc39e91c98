"""Finds the recipe that is fastest on this device within a bound of divergence, and installs it."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import onnxruntime

from edge_agent.slm import catalog
from edge_agent.slm.build import CONVERTER_VERSION, install_made
from edge_agent.slm.checksum import sha256_of
from edge_agent.slm.convert.calibration import calibration_text
from edge_agent.slm.convert.checkpoint import Checkpoint, open_checkpoint
from edge_agent.slm.convert.pipeline import observed
from edge_agent.slm.cores import usable_cores
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.installed import InstalledModel, verify
from edge_agent.slm.progress import Progress, Quiet
from edge_agent.slm.pull import original_file
from edge_agent.slm.tokenizer import Tokenizer
from edge_agent.slm.tune.groups import TUNED
from edge_agent.slm.tune.journal import Journal
from edge_agent.slm.tune.report import Report
from edge_agent.slm.tune.search import Search
from edge_agent.slm.tune.target import MAX_KL, Target
from edge_agent.slm.workspace import Workspace, workspace
from orchestrator.clock import SystemClock
from orchestrator.errors import InvalidRequest, ModelNotFound
from orchestrator.ports import Clock


def tune(
    name: str,
    *,
    max_kl: float = MAX_KL,
    target: Target = Target.TURN,
    origin: Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> tuple[InstalledModel, Report]:
    """Search, and put what was found in the place of the installed model. `pull` puts the catalog's recipe back.

    The model stays usable meanwhile. A search that was interrupted goes on where it was.

    Args:
        name: an installed model.
        max_kl: the most that it may diverge from full precision, in nats a token, on a text that it was not
            calibrated on.
        target: what is to be cheap.
        origin: the checkpoint that the model was made from; by default where it came from.
        threads: of one operator; by default the cores that are ours.
        progress: told of each step.

    Raises:
        InvalidRequest: `max_kl` is not above 0; `origin` is another file than the model was made from.
        ModelNotFound: it is not installed, or its checkpoint is not known.
        ModelError: it is damaged, or cannot be converted.
        StoreUnavailable: the disk is full or may not be written.
    """
    if not max_kl > 0:
        raise InvalidRequest(
            f"a divergence of at most {max_kl:g} leaves nothing to search", remedy="Choose 0.001 or more"
        )
    progress, threads = progress or Quiet(), threads or usable_cores()
    model = verify(name)
    ModelFolder(model.path).require_language_model()
    path = _checkpoint(model, origin, progress)
    with workspace(name, progress) as space:
        checkpoint = open_checkpoint(path, context_tokens=_context_tokens(model))
        space.need(_room(checkpoint))
        journal = _journal(model, space, threads)
        made = space.scratch / "made"
        made.mkdir()
        checkpoint.write_companions(made)
        texts = _held_out(made, checkpoint)
        with observed(made, checkpoint, progress) as inputs:
            search = Search(
                checkpoint, inputs, texts, space.scratch, journal, threads, progress, clock or SystemClock()
            )
            report, graph = search.run(model, target, max_kl)
        for file in graph.iterdir():
            file.replace(made / file.name)
        report.write(made)
        assert model.manifest is not None
        manifest = model.manifest.model_copy(update={"recipe": TUNED, "converter_version": CONVERTER_VERSION})
        installed = install_made(made, space, manifest)
        shutil.rmtree(space.root / "tune", ignore_errors=True)
        with suppress(OSError):  # something else may have been half downloaded
            space.downloads.rmdir()
        return installed, report


def _checkpoint(model: InstalledModel, origin: Path | None, progress: Progress) -> Path:
    """What `model` was made from."""
    manifest = model.manifest
    if manifest is None or not manifest.recipe:
        raise ModelNotFound(
            f"{model.name} came as a graph: there are no weights to store in another way",
            remedy="Tune a model that was converted here, from a GGUF file or a folder of safetensors files",
        )
    if origin is not None:
        if origin.is_file() and manifest.sha256 and sha256_of(origin) != manifest.sha256:
            raise InvalidRequest(
                f"{origin} is not what {model.name} was made from", remedy="Name that file: --from FILE"
            )
        return origin
    if model.name in catalog.load().models:
        return original_file(model.name, progress=progress)
    kind, _, place = manifest.source.partition(" ")
    if kind == "path" and Path(place).exists():
        return Path(place)
    raise ModelNotFound(
        f"{model.name} came from {manifest.source or 'nowhere known'}, which is not here",
        remedy="Name its file: --from FILE",
    )


def _context_tokens(model: InstalledModel) -> int:
    """What the installed graph was made for."""
    config: Mapping[str, int] = json.loads((model.path / "config.json").read_text(encoding="utf-8"))
    return config["max_position_embeddings"]


def _room(checkpoint: Checkpoint) -> int:
    """Bytes for two graphs in full precision at once, and what the matrices are multiplied with."""
    weights = sum(map(math.prod, checkpoint.config.weight_shapes().values()))
    return 2 * 4 * weights + 500_000_000


def _journal(model: InstalledModel, space: Workspace, threads: int) -> Journal:
    assert model.manifest is not None
    folder = space.root / "tune"
    folder.mkdir(exist_ok=True)
    circumstances = [model.manifest.sha256, CONVERTER_VERSION, onnxruntime.__version__, f"{threads} threads"]
    return Journal(folder / "measured.json", circumstances)


def _held_out(folder: Path, checkpoint: Checkpoint) -> list[list[int]]:
    """The texts to measure on, in tokens; each fits into the window."""
    tokenizer = Tokenizer.open(folder / "tokenizer.json")
    texts = (tokenizer.encode(text) for text in calibration_text(held_out=True).split("\n\n"))
    return [tokens[: checkpoint.config.context_length] for tokens in texts if len(tokens) > 1]
