"""Opening a draft model, once it is known to fit the model that it is to draft for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.providers import Provider
from edge_agent.slm.session import Session
from edge_agent.slm.tokenizer import Tokenizer
from orchestrator.errors import ConfigError


def open_draft(folder: Path, target: Path, *, threads: int, providers: Sequence[Provider]) -> Decoder:
    """Load a draft model.

    Args:
        folder: of the draft model.
        target: folder of the model that it is to draft for.
        threads: as the target model's: the two never compute at once.
        providers: likewise.

    Raises:
        ConfigError: the two vocabularies differ, so that the one's tokens mean nothing to the other.
        ModelError: the draft model cannot be loaded.
    """
    files, wanted = ModelFolder(folder), ModelFolder(target)
    if Tokenizer.open(files.tokenizer).vocabulary != Tokenizer.open(wanted.tokenizer).vocabulary:
        raise ConfigError(
            f"{files.name} cannot draft for {wanted.name}: their vocabularies differ",
            remedy="draft with a smaller model of the same family, or without one",
        )
    session = Session.open(files.graph, threads=threads, providers=providers, sizes=files.sizes, remedy=files.remedy)
    return Decoder(session, window=files.context_tokens, weight_bytes=files.weight_bytes)
