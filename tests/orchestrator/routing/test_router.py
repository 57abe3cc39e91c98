"""The router: its answers are chances, its file brings the same ones back, and another's file is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.errors import InvalidRequest, ModelCorrupt, ModelNotFound, ModelUnsupported
from orchestrator.routing.calibration import Calibration
from orchestrator.routing.expert import Scale
from orchestrator.routing.members import HEADS, Meaning
from orchestrator.routing.reading import CHOICE, FORMS, OPEN, Reading
from orchestrator.routing.router import ANY, Router, chances_of

SHIPPED = Router.shipped()
DIMENSIONS = 8
RNG = np.random.default_rng(0)
MEANING = Meaning(
    RNG.normal(size=(DIMENSIONS, len(HEADS))).astype(np.float16).astype(np.float32), np.zeros(3, np.float32)
)
IDENTITY = Scale(np.ones(3, np.float32), np.zeros(3, np.float32))
WITH_MEANING = replace(
    SHIPPED,
    experts={
        form: replace(expert, meaning=MEANING, vectorless_scale=IDENTITY) for form, expert in SHIPPED.experts.items()
    },
    embedder="some-model",
)
VECTOR = [1.0] + [0.0] * (DIMENSIONS - 1)
QUESTION = "If a train travels 120 km in 1.5 hours, how many km does it travel in 4 hours?"


@given(st.text())
@example("")
@example("word " * 50_000)
def test_any_question_has_chances(question: str) -> None:
    chances = SHIPPED.chances(question)
    assert 0 <= chances.device <= 1
    assert 0 <= chances.cloud <= 1
    assert -1 <= chances.uplift <= 1


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3))
def test_the_uplift_is_what_only_the_cloud_gets_right_less_what_only_the_device_does(log_odds: list[float]) -> None:
    chances = chances_of(np.array(log_odds, np.float32))
    only_cloud, only_device, _ = (1 / (1 + math.exp(-value)) for value in log_odds)
    whole = max(1.0, only_cloud + only_device)
    assert chances.uplift == pytest.approx((only_cloud - only_device) / whole, abs=1e-6)
    assert -1e-9 <= chances.device <= 1 + 1e-9
    assert -1e-9 <= chances.cloud <= 1 + 1e-9


@pytest.mark.parametrize("router", [SHIPPED, WITH_MEANING], ids=["without", "with"])
def test_a_file_brings_the_same_router_back(router: Router, tmp_path: Path) -> None:
    path = tmp_path / "router.npz"
    router.save(path)
    again = Router.load(path)
    assert again.sources == router.sources
    assert again.embedder == router.embedder
    vector = VECTOR if router.embedder else None
    assert again.chances(QUESTION, vector) == router.chances(QUESTION, vector)
    assert again.chances(QUESTION) == router.chances(QUESTION)


def test_its_calibration_is_kept_beside_it_and_half_a_one_is_damage(tmp_path: Path) -> None:
    path, calibration = tmp_path / "router.npz", Calibration.of([-0.1, 0.2], [True, False], [True, True])
    replace(SHIPPED, calibration=calibration).save(path)
    again = Router.load(path).calibration
    assert again is not None
    assert again.fingerprint == calibration.fingerprint
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "calibration_uplift"}
    np.savez(path, **arrays)
    with pytest.raises(ModelCorrupt):
        Router.load(path)


def test_the_shipped_router_was_held_out_on_all_its_questions() -> None:
    assert SHIPPED.calibration is not None
    assert len(SHIPPED.calibration) == sum(source.questions for source in SHIPPED.sources)


def test_a_vector_counts_where_the_router_knows_its_model_and_may_be_missing() -> None:
    assert WITH_MEANING.chances(QUESTION, VECTOR) != WITH_MEANING.chances(QUESTION)
    assert SHIPPED.chances(QUESTION, VECTOR) == SHIPPED.chances(QUESTION)


@pytest.mark.parametrize("vector", [VECTOR[1:], [math.nan] * DIMENSIONS])
def test_a_vector_of_another_model_is_refused(vector: list[float]) -> None:
    with pytest.raises(InvalidRequest, match="not of the model"):
        WITH_MEANING.chances(QUESTION, vector)


def test_a_question_is_judged_by_the_expert_for_its_form_or_by_the_only_one() -> None:
    readings = {OPEN: Reading.of(QUESTION), CHOICE: Reading.of(f"{QUESTION}\nA. 320\nB. 180\nAnswer:")}
    assert set(SHIPPED.experts) == set(FORMS)
    for form, reading in readings.items():
        assert reading.form == form
        assert SHIPPED.expert(reading) is SHIPPED.experts[form]
        alone = replace(SHIPPED, experts={ANY: SHIPPED.experts[CHOICE]})
        assert alone.expert(reading) is SHIPPED.experts[CHOICE]


def test_a_trait_far_outside_of_what_was_met_does_not_run_away() -> None:
    linear = SHIPPED.experts[OPEN].linear
    far, farther = linear.means + 9 * linear.deviations, linear.means + 99 * linear.deviations
    assert linear.log_odds(far) == pytest.approx(linear.log_odds(farther))


def test_a_long_question_is_read_at_both_ends() -> None:
    middle = "word " * 5000
    assert Reading.of("begin" + middle + "end").grams.hashes.size < 20
    assert SHIPPED.chances("Prove this. " + middle) != SHIPPED.chances("List that. " + middle)


def changed(path: Path, **meta: Any) -> Path:
    """The shipped router's file with something else in its description."""
    SHIPPED.save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["meta"] = np.array(json.dumps({**json.loads(str(arrays["meta"])), **meta}))
    np.savez(path, **arrays)
    return path


def test_a_file_from_other_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="other features"):
        Router.load(changed(tmp_path / "a.npz", traits=["characters"]))
    with pytest.raises(ModelUnsupported, match="another version"):
        Router.load(changed(tmp_path / "b.npz", format=99))


def test_a_damaged_file_is_called_so(tmp_path: Path) -> None:
    SHIPPED.save(tmp_path / "router.npz")
    whole = (tmp_path / "router.npz").read_bytes()
    for damaged in (b"", b"router", whole[: len(whole) // 2], whole[:5000] + b"\xff" * 99 + whole[5099:]):
        (tmp_path / "damaged.npz").write_bytes(damaged)
        with pytest.raises(ModelCorrupt, match="damaged"):
            Router.load(tmp_path / "damaged.npz")


def test_weights_that_are_no_numbers_are_damage(tmp_path: Path) -> None:
    expert = SHIPPED.experts[OPEN]
    weights = expert.words.weights.copy()
    weights[0, 0] = np.nan
    damaged = replace(expert, words=replace(expert.words, weights=weights))
    replace(SHIPPED, experts={**SHIPPED.experts, OPEN: damaged}).save(tmp_path / "router.npz")
    with pytest.raises(ModelCorrupt, match="damaged"):
        Router.load(tmp_path / "router.npz")


def test_a_router_that_is_not_there_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="cannot be read"):
        Router.load(tmp_path / "none.npz")
    with pytest.raises(ModelNotFound, match="no router is called nobody"):
        Router.shipped("nobody")
    with pytest.raises(ModelNotFound, match="no router is called"):
        Router.shipped("../edgewise")


def test_a_name_is_of_a_shipped_router_or_a_file(tmp_path: Path) -> None:
    SHIPPED.save(tmp_path / "mine.npz")
    names = (str(tmp_path / "mine.npz"), "edgewise")
    assert len({Router.named(name).chances(QUESTION) for name in names}) == 1
    assert [source.name for source in Router.named("pair").sources] == ["pair"]
    with pytest.raises(ModelNotFound, match=r"yours\.npz cannot be read"):
        Router.named(str(tmp_path / "yours.npz"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be written"):
        SHIPPED.save(tmp_path / "no" / "router.npz")
