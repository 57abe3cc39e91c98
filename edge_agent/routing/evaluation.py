"""A router's table: APGR and CPT on labelled files, beside chance, the prompt's length, and the oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_agent.routing.labels import Labels
from edge_agent.routing.training import read
from edge_agent.slm.progress import Progress, Quiet
from orchestrator.ports import Embedder
from orchestrator.routing.curve import Score, score
from orchestrator.routing.router import Router

_DRAWS = 10
"""Of the router of chance, as in the reference."""


def evaluate(
    labels: Sequence[Labels],
    router: Router,
    *,
    name: str,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> dict[str, Mapping[str, Score]]:
    """File → router → score; the judged router is called `name`.

    Args:
        labels: what to judge it on.
        router: the one to judge.
        name: its name in the table.
        embedder: the model that the router names, where it uses one.
        progress: told of each question.

    Raises:
        InvalidRequest: in a file both models are right equally often, so that nothing can be gained.
        InferenceFailed: the embedding model failed.
    """
    table: dict[str, Mapping[str, Score]] = {}
    for each in labels:
        readings = read(each.questions, embedder, progress or Quiet())
        scores = {
            "random": np.random.default_rng(0).random((_DRAWS, each.size)),
            "length": np.array([float(len(question)) for question in each.questions]),
            "oracle": each.outcomes.uplift,
            name: np.array([router.judge(reading).uplift for reading in readings]),
        }
        table[each.name] = {row: score(values, each.outcomes) for row, values in scores.items()}
    return table
