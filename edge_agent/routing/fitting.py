"""Fitting the members of a router. Needs scikit-learn, which asking a router does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import InvalidRequest
from orchestrator.routing.curve import Outcomes
from orchestrator.routing.expert import Expert, Scale
from orchestrator.routing.members import HEADS, Floats, Linear, Meaning, Trees, Words, halved, standardised, tf_idf
from orchestrator.routing.reading import FORMS, Reading
from orchestrator.routing.router import ANY

Rows = NDArray[np.intp]

_FEWEST: Final = 50
"""Questions below which nothing is fitted."""
_FEWEST_APART: Final = 200
"""Questions of each form below which the forms share an expert."""
_MET: Final = 2
"""How many questions must hold a word, a pair or a piece before it counts."""
_MOST_WORDS: Final = 100_000
"""Of a file's vocabulary: the most frequent ones."""
_DEPTH: Final = 4
_MOST_TREES: Final = 150
"""Fewer are grown on fewer questions, twice their square root: boosting goes on to learn luck by heart."""
_GROWTH: Final = {"learning_rate": 0.06, "max_features": 0.1, "subsample": 0.7, "min_samples_leaf": 40}
_PENALTIES: Final = (0.001, 0.01, 0.1)
"""Of the linear member: scikit-learn's `C`, the smaller the stronger."""
_INNER_FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """Questions that were read once, to fit and to ask many routers on parts of them."""

    readings: Sequence[Reading]
    outcomes: Outcomes

    @property
    def targets(self) -> NDArray[np.bool_]:
        """What happened, `[n, heads]`."""
        device, cloud = self.outcomes.device, self.outcomes.cloud
        return np.stack([cloud & ~device, device & ~cloud, device & cloud], axis=1)


def forms_apart(sample: Sample, rows: Rows) -> Mapping[str, Rows]:
    """Which of some questions, `[n]` places in `rows`, each expert is fitted on, by its name in a router.

    Each form has its own where all forms have enough labels. Otherwise one learns from all: the few of one form can
    hardly mislead it about the many of the other.
    """
    forms = np.array([sample.readings[row].form for row in rows])
    apart = {form: np.flatnonzero(forms == form) for form in FORMS}
    if all(len(own) >= _FEWEST_APART and is_learnable(sample.outcomes, rows[own]) for own in apart.values()):
        return apart
    return {ANY: np.arange(len(rows))}


def fit_expert(sample: Sample, rows: Rows, *, seed: int) -> Expert:
    """An expert fitted on some of the questions, whose mean is not on the scale of chances yet."""
    with_vectors = all(reading.vector is not None for reading in sample.readings)
    return Expert(
        words=_fit_words(sample, rows),
        trees=_fit_trees(sample, rows, seed),
        linear=_fit_linear(sample, rows),
        meaning=_fit_meaning(sample, rows) if with_vectors else None,
        scale=Scale(np.ones(len(HEADS), np.float32), np.zeros(len(HEADS), np.float32)),
    )


def is_learnable(outcomes: Outcomes, rows: Rows) -> bool:
    """Whether some of the questions are enough, and of more than one class."""
    return len(rows) >= _FEWEST and len(np.unique(outcomes.uplift[rows])) > 1


def require_learnable(outcomes: Outcomes) -> None:
    """Refuse labels that hold nothing to learn.

    Raises:
        InvalidRequest: too few, or of one class only.
    """
    n = len(outcomes.device)
    if n < _FEWEST:
        raise InvalidRequest(f"{n} questions are too few to fit a router", remedy=f"give {_FEWEST} or more")
    if not is_learnable(outcomes, np.arange(n)):
        raise InvalidRequest(
            "the labels are of one class only: for every question the cloud is worth the same",
            remedy="give questions that only the cloud gets right, and others",
        )


def fit_scale(log_odds: Floats, targets: NDArray[np.bool_]) -> Scale:
    """Platt's scaling of each head, from log-odds of questions that the members had not seen, `[n, heads]`."""
    from sklearn.linear_model import LogisticRegression

    slopes, offsets = np.ones(len(HEADS), np.float32), np.zeros(len(HEADS), np.float32)
    for head, target in enumerate(targets.T):
        if not _is_constant(target):
            fit = LogisticRegression().fit(log_odds[:, head, None], target)
            slopes[head], offsets[head] = fit.coef_[0, 0], fit.intercept_[0]
    return Scale(slopes, offsets)


def _fit_words(sample: Sample, rows: Rows) -> Words:
    from scipy.sparse import csr_matrix

    readings = [sample.readings[row] for row in rows]
    hashes, met = np.unique(np.concatenate([reading.grams.hashes for reading in readings]), return_counts=True)
    kept = np.flatnonzero(met >= _MET)
    kept = np.sort(kept[np.argsort(-met[kept], kind="stable")[:_MOST_WORDS]])
    hashes = hashes[kept]
    rarity = halved(np.log((1 + len(rows)) / (1 + met[kept])) + 1)
    filled = [tf_idf(reading.grams, hashes, rarity) for reading in readings]
    ends = np.cumsum([0, *(len(places) for places, _ in filled)])
    matrix = csr_matrix(
        (np.concatenate([values for _, values in filled]), np.concatenate([places for places, _ in filled]), ends),
        shape=(len(rows), len(hashes)),
    )
    weights, offsets = _logistic(matrix, len(hashes), sample.targets[rows])
    return Words(hashes, rarity, weights, offsets)


def _fit_meaning(sample: Sample, rows: Rows) -> Meaning:
    vectors = np.stack([vector for row in rows if (vector := sample.readings[row].vector) is not None])
    return Meaning(*_logistic(vectors, vectors.shape[1], sample.targets[rows]))


def _fit_linear(sample: Sample, rows: Rows) -> Linear:
    from sklearn.linear_model import LogisticRegression

    traits = np.stack([sample.readings[row].traits for row in rows])
    means, deviations = traits.mean(axis=0), traits.std(axis=0) + np.float32(1e-6)
    values = standardised(traits, means, deviations)
    weights, offsets = np.zeros((traits.shape[1], len(HEADS)), np.float32), np.zeros(len(HEADS), np.float32)
    for head, target in enumerate(sample.targets[rows].T):
        offsets[head] = _log_odds_of(target)
        if min(target.sum(), (~target).sum()) >= _INNER_FOLDS:
            losses = [_held_out_loss(values, target, penalty) for penalty in _PENALTIES]
            best = _PENALTIES[int(np.argmin(losses))]
            fit = LogisticRegression(C=best, max_iter=300).fit(values, target)
            weights[:, head], offsets[head] = fit.coef_[0], fit.intercept_[0]
    return Linear(means, deviations, halved(weights), offsets)


def _held_out_loss(values: Floats, target: NDArray[np.bool_], penalty: float) -> float:
    """The summed log loss over folds of the questions that a member is fitted on."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    loss = 0.0
    for fitted_on, judged in StratifiedKFold(_INNER_FOLDS).split(values, target):
        fit = LogisticRegression(C=penalty, max_iter=300).fit(values[fitted_on], target[fitted_on])
        loss += np.logaddexp(0, np.where(target[judged], -1, 1) * fit.decision_function(values[judged])).sum()
    return float(loss)


def _logistic(matrix: Any, columns: int, targets: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Weights `[columns, heads]` and offsets `[heads]` of a logistic regression a head."""
    from sklearn.linear_model import LogisticRegression

    weights, offsets = np.zeros((columns, len(HEADS)), np.float32), np.zeros(len(HEADS), np.float32)
    for head, target in enumerate(targets.T):
        offsets[head] = _log_odds_of(target)
        if not _is_constant(target):
            fit = LogisticRegression(max_iter=300).fit(matrix, target)
            weights[:, head], offsets[head] = fit.coef_[0], fit.intercept_[0]
    return halved(weights), offsets


def _fit_trees(sample: Sample, rows: Rows, seed: int) -> Trees:
    from sklearn.ensemble import GradientBoostingClassifier

    traits = np.stack([sample.readings[row].traits for row in rows])
    n_trees = min(_MOST_TREES, round(2 * len(rows) ** 0.5))
    shape = (len(HEADS), n_trees, 2**_DEPTH)
    looked_at, thresholds = np.zeros((*shape[:2], shape[2] - 1), np.int64), np.zeros((*shape[:2], shape[2] - 1))
    values, offsets = np.zeros(shape), np.zeros(len(HEADS), np.float32)
    for head, target in enumerate(sample.targets[rows].T):
        offsets[head] = _log_odds_of(target)
        if not _is_constant(target):
            fit = GradientBoostingClassifier(n_estimators=n_trees, max_depth=_DEPTH, random_state=seed, **_GROWTH)
            for place, (grown,) in enumerate(fit.fit(traits, target).estimators_):
                looked_at[head, place], thresholds[head, place], values[head, place] = _completed(grown.tree_)
    return Trees(looked_at, thresholds.astype(np.float32), halved(values * _GROWTH["learning_rate"]), offsets)


def _completed(tree: Any) -> tuple[NDArray[np.int64], Floats, Floats]:
    """A fitted tree by levels, every branch as deep as the deepest may be."""
    inner, leaves = 2**_DEPTH - 1, 2**_DEPTH
    nodes = [0]
    for place in range(inner):
        node = nodes[place]
        is_leaf = tree.children_left[node] < 0
        nodes += [node, node] if is_leaf else [tree.children_left[node], tree.children_right[node]]
    upper = np.array(nodes[:inner])
    looked_at = np.maximum(tree.feature[upper], 0).astype(np.int64)
    return looked_at, tree.threshold[upper].astype(np.float32), tree.value[nodes[-leaves:], 0, 0].astype(np.float32)


def _is_constant(target: NDArray[np.bool_]) -> bool:
    """Whether a head has one class: there is nothing to tell apart."""
    return bool(target.all() or not target.any())


def _log_odds_of(target: NDArray[np.bool_]) -> float:
    """Of the share of true ones, as if half a question of either kind had been seen besides."""
    true = float(target.sum()) + 0.5
    return float(np.log(true / (len(target) + 1 - true)))
