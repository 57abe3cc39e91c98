"""Fitting: what the labels hold is found where it was held out, the same seed gives the same router, and labels that
hold nothing are refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_agent.cli import eval
from edge_agent.cli.routing import training as app
from edge_agent.routing.evaluation import evaluate
from edge_agent.routing.fitting import Sample, fit_expert, forms_apart
from edge_agent.routing.labels import Labels
from edge_agent.routing.training import Training, train
from orchestrator.errors import InvalidRequest
from orchestrator.routing.curve import Outcomes
from orchestrator.routing.reading import FORMS, Reading
from orchestrator.routing.router import ANY, Router
from tests.edge_agent.cli.commands import Commands

RNG = np.random.default_rng(0)
SUBJECTS = ("bees", "ships", "stars", "bread", "chess", "rain")


def labels(name: str, n: int, *, domains: bool = True) -> Labels:
    """Sums are the cloud's, riddles are the device's, and both know the rest, with some luck."""
    kinds = RNG.integers(0, 3, n)
    subjects = [SUBJECTS[each] for each in RNG.integers(0, len(SUBJECTS), n)]
    forms = ("Calculate {a} * {b} for the {s}.", "What has {a} eyes and likes {s}?", "Tell me of the {s} number {b}.")
    lucky = RNG.random(n) < 0.1
    return Labels(
        name,
        tuple(
            forms[kind].format(a=RNG.integers(10, 99), b=place, s=subject)
            for place, (kind, subject) in enumerate(zip(kinds, subjects, strict=True))
        ),
        tuple(subjects) if domains else (),
        Outcomes((kinds != 0) | lucky, (kinds != 1) | lucky | (RNG.random(n) < 0.3)),
    )


class Lengths:
    """An embedder: a text's length, twice."""

    name = "lengths"
    dimensions = 2

    def embed(self, texts: Sequence[str]) -> Iterable[Iterable[float]]:
        return [[len(text) / 100, 1.0] for text in texts]


ONE, OTHER = labels("one", 140), labels("other", 110, domains=False)


@pytest.fixture(scope="module")
def trained() -> Training:
    return train([ONE, OTHER], embedder=Lengths())


def test_what_was_held_out_is_there_for_a_promise(trained: Training) -> None:
    calibration = trained.router.calibration
    assert calibration is not None
    assert len(calibration) == ONE.size + OTHER.size
    outcomes = np.concatenate([ONE.outcomes.cloud, OTHER.outcomes.cloud])
    assert (calibration.cloud_right == outcomes).all()
    assert calibration.uplift[calibration.lost > 0].mean() > calibration.uplift[calibration.lost < 0].mean()


def test_what_the_labels_hold_is_found_where_it_was_held_out(trained: Training) -> None:
    assert set(trained.in_domain) == set(trained.baseline) == set(trained.across) == {"one", "other"}
    assert set(trained.unseen_subjects) == set(trained.unseen_baseline) == {"one"}
    for results in (trained.in_domain, trained.unseen_subjects, trained.across):
        assert all(found.apgr > 0.8 for found in results.values())


def test_the_router_tells_them_apart_and_says_what_it_was_fitted_on(trained: Training) -> None:
    sums, riddle = (trained.router.chances(q) for q in ("Calculate 12 * 7 for me.", "What has 4 eyes and likes rain?"))
    assert sums.uplift > 0.3 > 0 > riddle.uplift
    assert sums.device < 0.5 < sums.cloud
    assert [(source.name, source.questions) for source in trained.router.sources] == [("one", 140), ("other", 110)]


def test_a_router_may_use_vectors_and_does_without(trained: Training, tmp_path: Path) -> None:
    router = trained.router
    assert router.embedder == "lengths"
    router.save(tmp_path / "router.npz")
    again = Router.load(tmp_path / "router.npz")
    for vector in ([0.1, 1.0], None):
        assert again.chances("Calculate 12 * 7.", vector) == router.chances("Calculate 12 * 7.", vector)
        assert router.chances("Calculate 12 * 7.", vector).uplift > 0.3


def test_the_table_has_chance_length_oracle_and_the_router(trained: Training) -> None:
    table = evaluate([ONE], trained.router, name="ours")["one"]
    assert list(table) == ["random", "length", "oracle", "ours"]
    assert table["random"].apgr == pytest.approx(0.5, abs=0.1)
    assert table["random"].apgr < table["ours"].apgr < table["oracle"].apgr


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        (Outcomes(np.ones(60, bool), np.ones(60, bool)), "one class only"),
        (Outcomes(np.zeros(60, bool), np.ones(60, bool)), "one class only"),
        (Outcomes(np.zeros(9, bool), np.ones(9, bool)), "9 questions are too few"),
    ],
)
def test_labels_that_hold_nothing_are_refused(outcomes: Outcomes, message: str) -> None:
    questions = tuple(f"question {place}" for place in range(len(outcomes.device)))
    with pytest.raises(InvalidRequest, match=message):
        train([Labels("none", questions, (), outcomes)])


def test_where_the_device_is_never_better_there_is_still_something_to_learn() -> None:
    outcomes = Outcomes(OTHER.outcomes.device & OTHER.outcomes.cloud, OTHER.outcomes.cloud)
    sample = Sample([Reading.of(question) for question in OTHER.questions], outcomes)
    router = Router(experts={ANY: fit_expert(sample, np.arange(OTHER.size), seed=0)})
    assert router.chances("Calculate 12 * 7 for me.").uplift > router.chances("Tell me of the rain number 3.").uplift


def test_forms_have_experts_of_their_own_where_each_has_enough_labels() -> None:
    asked = labels("asked", 400)
    closed = [f"{question}\nA. one\nB. two" for question in asked.questions[:200]]
    sample = Sample([Reading.of(question) for question in (*closed, *asked.questions[200:])], asked.outcomes)
    apart = forms_apart(sample, np.arange(400))
    assert {form: own.tolist() for form, own in apart.items()} == dict(
        zip(FORMS, (list(range(200)), list(range(200, 400))), strict=True)
    )
    assert list(forms_apart(sample, np.arange(1, 400))) == [ANY]


def test_the_commands_tell_results_and_write_a_router(tmp_path: Path) -> None:
    rows = [
        {"prompt": question, "weak_correct": bool(device), "strong_correct": bool(cloud)}
        for question, device, cloud in zip(OTHER.questions, OTHER.outcomes.device, OTHER.outcomes.cloud, strict=True)
    ][:60]
    data = tmp_path / "other.jsonl"
    data.write_text("\n".join(json.dumps(row) for row in rows))
    found = Commands(app).as_json("routing", "--data", str(data), "--out", str(tmp_path / "router.npz"))
    assert found["in_domain"]["other"]["apgr"] > 0.5
    assert set(found["in_domain_tf_idf"]) == {"other"}
    assert found["unseen_subjects"] == found["across_data_sets"] == {}
    table = Commands(eval.app).as_json("routing", "--data", str(data), "--router", str(tmp_path / "router.npz"))
    assert list(table["other"]) == ["random", "length", "oracle", "router"]
    assert list(table["other"]["router"]) == ["apgr", "apgr_ci", "cpt20", "cpt50", "cpt80"]


def test_the_same_seed_and_labels_give_the_same_expert() -> None:
    sample = Sample([Reading.of(question) for question in OTHER.questions], OTHER.outcomes)
    one, other = (fit_expert(sample, np.arange(OTHER.size), seed=7).arrays() for _ in range(2))
    assert list(one) == list(other)
    assert all(np.array_equal(one[name], other[name]) for name in one)
