"""Who runs, for one model: its files in the forms that the contestants want, made once and kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.slm.contestant import ENGINES, Entry
from edge_agent.home import home
from edge_agent.slm.build import CONVERTER_VERSION
from edge_agent.slm.convert.pipeline import convert
from edge_agent.slm.installed import verify
from edge_agent.slm.progress import Progress
from edge_agent.slm.pull import ensure, original_file

PLAIN, TUNED, SPECULATIVE, LLAMA, GENAI = "plain", "tuned", "speculative", "llama.cpp", "genai"
_PLAIN_RECIPE = "q8"


def entries_of(
    model: str, *, threads: int, ends: frozenset[int], only: frozenset[str], progress: Progress
) -> tuple[list[Entry], list[str]]:
    """The contestants of `model`, and what has to be said about those that are missing.

    Args:
        model: a catalog name; it is pulled where it is missing.
        only: keys of those that are wanted; empty for all.
    """
    tuned, notes = ensure(model, progress=progress), []
    manifest = verify(model).manifest
    is_tuned = manifest is not None and manifest.recipe != _PLAIN_RECIPE
    plain = converted(model, _PLAIN_RECIPE, progress) if is_tuned else tuned
    found = [Entry(PLAIN, "edgewise", plain, threads, ends)]
    if is_tuned:
        found.append(Entry(TUNED, "edgewise", tuned, threads, ends))
    else:
        again = f"edgewise models pull {model} --again"
        notes.append(f"tuned: {model} is installed by the recipe {_PLAIN_RECIPE}, the plain one ({again}).")
    found.append(Entry(SPECULATIVE, "edgewise", tuned, threads, ends, speculative=True))
    found.append(Entry(LLAMA, "llama.cpp", original_file(model, progress=progress), threads, ends))
    found.append(Entry(GENAI, "genai", plain, threads, ends))
    wanted = [entry for entry in found if not only or entry.key in only]
    for entry in wanted:
        engine = ENGINES[entry.engine]
        if not engine.installed:
            notes.append(f"{entry.key}: {engine.title} is not installed (pip install --group peers).")
    return [entry for entry in wanted if ENGINES[entry.engine].installed], notes


def exact_entry(model: str, *, threads: int, progress: Progress) -> Entry:
    """Full precision, which the others are held against."""
    return Entry("full precision", "edgewise", converted(model, "exact", progress), threads)


def converted(model: str, recipe: str, progress: Progress) -> Path:
    """The folder of `model` by `recipe`, made of its original where it is not there yet."""
    folder = home() / "benchmarks" / f"{model}-{recipe}-{CONVERTER_VERSION}"
    if not folder.is_dir():
        for old in folder.parent.glob(f"{model}-{recipe}-[0-9]*"):
            shutil.rmtree(old)
        convert(original_file(model, progress=progress), folder, recipe=recipe, progress=progress)
    return folder
