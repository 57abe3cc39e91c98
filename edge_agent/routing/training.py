"""A router from labels, and how good its like is where it was not fitted.

Three results, told apart. *In domain*: each fold is judged by a router fitted on the others. *Unseen subjects*: the
same with whole subjects left out. *Across data sets*: each file is judged by a router fitted on the other files alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.routing.baseline import tf_idf_uplift
from edge_agent.routing.fitting import (
    Rows,
    Sample,
    fit_expert,
    fit_scale,
    forms_apart,
    is_learnable,
    require_learnable,
)
from edge_agent.routing.labels import Labels
from edge_agent.slm.progress import Progress, Quiet
from orchestrator.ports import Embedder
from orchestrator.routing.calibration import Calibration
from orchestrator.routing.curve import Outcomes, Score, score
from orchestrator.routing.expert import Expert
from orchestrator.routing.members import HEADS, Floats
from orchestrator.routing.reading import Reading
from orchestrator.routing.router import Router, Source, chances_of

_FOLDS: Final = 5
_READ_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Training:
    """A fitted router, and the held-out results of its like, each by the file's name; empty where labels allow none.

    Attributes:
        baseline: what TF-IDF and a logistic regression make of the folds of `in_domain`.
        unseen_baseline: the same for `unseen_subjects`.
    """

    router: Router
    in_domain: Mapping[str, Score]
    baseline: Mapping[str, Score]
    unseen_subjects: Mapping[str, Score]
    unseen_baseline: Mapping[str, Score]
    across: Mapping[str, Score]


def train(
    labels: Sequence[Labels], *, embedder: Embedder | None = None, seed: int = 0, progress: Progress | None = None
) -> Training:
    """Fit a router on all labels, and judge its like on what was held out.

    Args:
        labels: of one file or several.
        embedder: whose vectors the router may use; without it the router needs none.
        seed: of the folds and of the trees. The same seed and labels give the same router.
        progress: told of each question that is read, and of each fit.

    Raises:
        InvalidRequest: the labels are too few, or of one class only.
        InferenceFailed: the embedding model failed.
    """
    progress = progress or Quiet()
    outcomes = Outcomes(
        np.concatenate([each.outcomes.device for each in labels]),
        np.concatenate([each.outcomes.cloud for each in labels]),
    )
    require_learnable(outcomes)
    questions = [question for each in labels for question in each.questions]
    corpus = _Corpus(labels, Sample(read(questions, embedder, progress), outcomes))
    with progress.task("fitting", corpus.n_fits, in_bytes=False) as advance:
        fits = itertools.count(1)
        return _train(corpus, embedder.name if embedder else "", seed, lambda: advance(next(fits)))


def read(questions: Sequence[str], embedder: Embedder | None, progress: Progress) -> list[Reading]:
    """What routers see of questions.

    Raises:
        InferenceFailed: the embedding model failed.
    """
    readings: list[Reading] = []
    with progress.task("reading the questions", len(questions), in_bytes=False) as advance:
        for start in range(0, len(questions), _READ_AT_ONCE):
            some = questions[start : start + _READ_AT_ONCE]
            vectors = embedder.embed(some) if embedder else [None] * len(some)
            readings += [Reading.of(question, vector) for question, vector in zip(some, vectors, strict=True)]
            advance(len(readings))
    return readings


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """What experts said of questions that they were not fitted on.

    Attributes:
        rows: which questions of the sample; `[n]`.
        apart: which of them, places in `rows`, each expert judged, by its name.
        log_odds: mean of all members, `[n, heads]`.
        vectorless: mean of those that need no vector, of the same shape.
    """

    rows: Rows
    apart: Mapping[str, Rows]
    log_odds: Floats
    vectorless: Floats


@dataclass(frozen=True, slots=True)
class _Corpus:
    """Several files' questions in one row."""

    labels: Sequence[Labels]
    sample: Sample

    @property
    def files(self) -> Rows:
        """Which file each question is of, `[n]`."""
        return np.repeat(np.arange(len(self.labels)), [len(each.questions) for each in self.labels])

    @property
    def questions(self) -> Rows:
        """A number for each distinct question, `[n]`: its twins share a fold."""
        return _numbered([question for each in self.labels for question in each.questions])

    @property
    def subjects(self) -> Rows:
        """A number for each subject of each file, `[n]`."""
        return _numbered([f"{each.name} {name}" for each in self.labels for name in each.domains or [""] * each.size])

    @property
    def divisible(self) -> Rows:
        """The questions of files with enough subjects to leave some of them out."""
        enough = np.array([len(set(each.domains)) >= _FOLDS for each in self.labels])
        return np.flatnonzero(enough[self.files])

    @property
    def n_fits(self) -> int:
        """Steps that a training takes: fits, and the baseline of a result as one."""
        apart = len(self.labels) if len(self.labels) > 1 else 0
        return _FOLDS + 2 + (_FOLDS + 1 if len(self.divisible) else 0) + apart


def _train(corpus: _Corpus, embedder: str, seed: int, step: Callable[[], None]) -> Training:
    sample, everything = corpus.sample, np.arange(len(corpus.files))
    held_out = _cross_fit(sample, everything, corpus.questions, seed, step)
    in_domain = _scores(corpus, everything, _uplift(sample, held_out))
    baseline = _baseline(corpus, everything, corpus.questions, seed, step)
    rows = corpus.divisible
    unseen: dict[str, Score] = {}
    unseen_baseline: dict[str, Score] = {}
    if len(rows):
        unseen = _scores(corpus, rows, _uplift(sample, _cross_fit(sample, rows, corpus.subjects, seed, step)))
        unseen_baseline = _baseline(corpus, rows, corpus.subjects, seed, step)
    across: dict[str, Score] = {}
    for file in range(len(corpus.labels) if len(corpus.labels) > 1 else 0):
        own, others = np.flatnonzero(corpus.files == file), np.flatnonzero(corpus.files != file)
        if is_learnable(sample.outcomes, others):
            stranger = Router(experts=_fit(sample, others, forms_apart(sample, others), seed))
            said = [stranger.judge(sample.readings[row]).uplift for row in own.tolist()]
            across |= _scores(corpus, own, np.array(said))
        step()
    fitted = _fit(sample, everything, held_out.apart, seed)
    step()
    router = Router(
        experts={name: _scaled(expert, name, sample, held_out) for name, expert in fitted.items()},
        embedder=embedder,
        sources=_sources(corpus.labels),
        calibration=_calibration(sample, held_out),
    )
    return Training(router, in_domain, baseline, unseen, unseen_baseline, across)


def _fit(sample: Sample, rows: Rows, apart: Mapping[str, Rows], seed: int) -> dict[str, Expert]:
    return {name: fit_expert(sample, rows[own], seed=seed) for name, own in apart.items()}


def _cross_fit(sample: Sample, rows: Rows, groups: Rows, seed: int, step: Callable[[], None]) -> _HeldOut:
    """Let every question be judged by an expert that was fitted without its group."""
    log_odds = np.zeros((len(rows), len(HEADS)), np.float32)
    vectorless, apart = np.zeros_like(log_odds), forms_apart(sample, rows)
    for fitted_on, judged in _parts(groups[rows], seed):
        experts = _fit(sample, rows, {name: np.intersect1d(own, fitted_on) for name, own in apart.items()}, seed)
        for name, expert in experts.items():
            for place in np.intersect1d(apart[name], judged):
                reading = sample.readings[rows[place]]
                log_odds[place], vectorless[place] = expert.mean(reading), expert.mean(reading, with_meaning=False)
        step()
    return _HeldOut(rows, apart, log_odds, vectorless)


def _parts(groups: Rows, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """The places in `groups` that each fold is fitted on, and those that it judges."""
    from sklearn.model_selection import GroupKFold

    yield from GroupKFold(_FOLDS, shuffle=True, random_state=seed).split(groups, groups=groups)


def _baseline(corpus: _Corpus, rows: Rows, groups: Rows, seed: int, step: Callable[[], None]) -> dict[str, Score]:
    """Of the folds of `_cross_fit`; each file is fitted and judged by itself."""
    uplift, parts = np.zeros(len(rows)), list(_parts(groups[rows], seed))
    for file, each in enumerate(corpus.labels):
        own = np.flatnonzero(corpus.files[rows] == file)
        if len(own):
            within = [(_places(own, fitted_on), _places(own, judged)) for fitted_on, judged in parts]
            uplift[own] = tf_idf_uplift(each.questions, each.outcomes, within)
    step()
    return _scores(corpus, rows, uplift)


def _places(own: Rows, part: Rows) -> Rows:
    """Where in `own` those stand that are in `part`, too; both rise."""
    return np.searchsorted(own, np.intersect1d(own, part))


def _uplift(sample: Sample, held_out: _HeldOut) -> NDArray[np.float64]:
    """Scaled uplift, `[n]`.

    One scale an expert for all folds: with one of its own each fold would lean away from its own share of right
    answers, and questions of two folds could not be compared.
    """
    uplift = np.zeros(len(held_out.rows))
    for own in held_out.apart.values():
        log_odds = held_out.log_odds[own]
        scale = fit_scale(log_odds, sample.targets[held_out.rows[own]])
        uplift[own] = [chances_of(row).uplift for row in scale(log_odds)]
    return uplift


def _calibration(sample: Sample, held_out: _HeldOut) -> Calibration:
    """What a promise is chosen on: uplifts as an agent has them, which asks without a vector.

    Four decimals say all that an uplift does, in a third of the file's bytes.
    """
    uplift = _uplift(sample, replace(held_out, log_odds=held_out.vectorless))
    return Calibration.of(np.round(uplift, 4), sample.outcomes.device, sample.outcomes.cloud)


def _scaled(expert: Expert, name: str, sample: Sample, held_out: _HeldOut) -> Expert:
    """With scales fitted on what its like said of questions they had not seen."""
    own = held_out.apart[name]
    targets = sample.targets[held_out.rows[own]]
    vectorless = fit_scale(held_out.vectorless[own], targets) if expert.meaning else None
    return replace(expert, scale=fit_scale(held_out.log_odds[own], targets), vectorless_scale=vectorless)


def _scores(corpus: _Corpus, rows: Rows, uplift: NDArray[np.float64]) -> dict[str, Score]:
    """By file; one whose models are equally good has no curve, and is left out."""
    found = {}
    for file, each in enumerate(corpus.labels):
        own = corpus.files[rows] == file
        if own.any() and (outcomes := corpus.sample.outcomes.at(rows[own])).gap:
            found[each.name] = score(uplift[own], outcomes)
    return found


def _sources(labels: Sequence[Labels]) -> tuple[Source, ...]:
    return tuple(
        Source(each.name, each.size, float(each.outcomes.device.mean()), float(each.outcomes.cloud.mean()))
        for each in labels
    )


def _numbered(names: Sequence[str]) -> Rows:
    return np.unique(np.array(names), return_inverse=True)[1]
