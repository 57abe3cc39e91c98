"""What a router expects of questions that it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.pair.fitting import FOLDS, Floats, folds
from benchmarks.pair.labels import Label
from benchmarks.pair.questions import asked
from edge_agent.routing.fitting import Sample, fit_expert, fit_scale, forms_apart
from orchestrator.routing.curve import Outcomes
from orchestrator.routing.members import HEADS
from orchestrator.routing.reading import Reading
from orchestrator.routing.router import chances_of


def expected(labels: Sequence[Label], data: Path) -> tuple[Floats, Floats]:
    """The chances of the device and of the cloud, `[n]` each; every question's by a router fitted on the other folds.

    Args:
        labels: n of them.
        data: the folder of the public files, which hold the questions' texts.
    """
    texts = asked(data)
    outcomes = Outcomes(
        np.array([label.device_right for label in labels]), np.array([label.cloud_right for label in labels])
    )
    sample = Sample([Reading.of(texts[label.key]) for label in labels], outcomes)
    apart = forms_apart(sample, np.arange(len(labels)))
    part, log_odds = folds(len(labels)), np.zeros((len(labels), len(HEADS)), np.float32)
    for fold in range(FOLDS):
        for own in apart.values():
            expert = fit_expert(sample, own[part[own] != fold], seed=0)
            for row in own[part[own] == fold].tolist():
                log_odds[row] = expert.mean(sample.readings[row])
    for own in apart.values():
        log_odds[own] = fit_scale(log_odds[own], sample.targets[own])(log_odds[own])
    chances = [chances_of(row) for row in log_odds]
    return np.array([chance.device for chance in chances]), np.array([chance.cloud for chance in chances])
