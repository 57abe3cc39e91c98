"""How far a contestant is from full precision, by teacher forcing: both read the same tokens, and say what comes next.

Agreement is the share of positions where both find the same token likeliest, divergence the mean over positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.slm.closeness import agrees, kl_nats
from edge_agent.slm.sampling import Floats


@dataclass(frozen=True, slots=True)
class Page:
    """Token ids to read.

    Attributes:
        kind: `answers` (written by full precision) or `texts`.
        start: the first position that counts.
    """

    name: str
    kind: str
    tokens: tuple[int, ...]
    start: int = 0


@dataclass(frozen=True, slots=True)
class Divergence:
    """Over all positions of a kind of page."""

    agreement: float
    kl_nats: float
    positions: int


def compare(pages: list[Page], folder: Path, logits: Callable[[list[int]], Floats]) -> dict[str, Divergence]:
    """Hold `logits` over each page against those saved in `folder`; one result a kind of page."""
    same: dict[str, list[NDArray[np.bool_]]] = {}
    apart: dict[str, list[NDArray[np.float64]]] = {}
    for page in pages:
        exact, own = np.load(folder / f"{page.name}.npy"), logits(list(page.tokens))[page.start :]
        same.setdefault(page.kind, []).append(agrees(exact, own))
        apart.setdefault(page.kind, []).append(kl_nats(exact, own))
    return {
        kind: Divergence(
            float(np.concatenate(same[kind]).mean()),
            float(np.concatenate(apart[kind]).mean()),
            sum(len(rows) for rows in same[kind]),
        )
        for kind in same
    }
