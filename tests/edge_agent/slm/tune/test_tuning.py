from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.slm.convert.synthetic import write_synthetic_model
from edge_agent.slm.installed import verify
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.pull import convert, pull
from edge_agent.slm.tune.groups import GROUPS
from edge_agent.slm.tune.target import Target
from edge_agent.slm.tune.tuning import tune
from orchestrator.errors import InvalidRequest, ModelNotFound


@pytest.fixture
def tiny(from_path: str) -> str:
    """The name of a small installed model of the catalog."""
    return pull(from_path).name


def test_the_fastest_within_the_bound_takes_the_place_of_the_model(tiny: str, edgewise_home: Path, told: Any) -> None:
    before = verify(tiny).manifest
    model, report = tune(tiny, max_kl=0.02, threads=1, progress=told)
    after = verify(tiny).manifest
    assert before
    assert after
    assert (before.recipe, after.recipe) == ("q8", "tuned")
    assert before.sha256 == after.sha256
    assert report.chosen.divergence.kl <= 0.02
    assert report.before[0] == "q8"
    OnnxModel.open(model.path).close()
    assert set(report.chosen.plan.formats) == set(GROUPS)
    assert told.tasks["trying formats"][-1] == len(report.trials)
    assert not (edgewise_home / "models/.partial" / tiny).exists()


def test_the_report_lies_beside_the_model(tiny: str) -> None:
    pytest.importorskip("matplotlib")
    model, report = tune(tiny, target=Target.MEMORY, threads=1)
    told = json.loads((model.path / "tuning.json").read_text())
    assert (told["model"], told["target"], told["max_kl"]) == (tiny, "memory", 0.004)
    assert told["verified"][told["chosen"]]["bytes"] == report.chosen.bytes
    page = (model.path / "tuning.md").read_text()
    assert page.count("**chosen**") == 1
    assert all(f"| {group} | exact | 0.00000 | 1.000 |" in page for group in GROUPS)
    assert (model.path / "tuning.png").read_bytes().startswith(b"\x89PNG")
    assert model.manifest
    assert {"tuning.json", "tuning.md", "tuning.png"} <= set(model.manifest.files)


def test_the_usual_recipe_can_be_put_back(tiny: str) -> None:
    tune(tiny, threads=1)
    manifest = pull(tiny).manifest
    assert manifest
    assert manifest.recipe == "q8"


class Interrupting:
    """A progress whose user has seen enough after some steps of a task."""

    def __init__(self, label: str, steps: int) -> None:
        self._label, self._steps = label, steps

    def note(self, line: str) -> None: ...

    def task(self, label: str, total: int, *, in_bytes: bool = True) -> Any:
        from contextlib import nullcontext

        def advance(done: int) -> None:
            if label == self._label and done == self._steps:
                raise KeyboardInterrupt

        return nullcontext(advance)


def test_an_interrupted_search_harms_nothing_and_goes_on(tiny: str, edgewise_home: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        tune(tiny, threads=1, progress=Interrupting("trying formats", 3))
    journal = edgewise_home / f"models/.partial/{tiny}/tune/measured.json"
    measured = json.loads(journal.read_text())["measured"]
    manifest = verify(tiny).manifest
    assert manifest
    assert manifest.recipe == "q8"
    _, report = tune(tiny, threads=1)
    kept = {name: facts for name, facts in measured.items() if name.startswith("divergence")}
    assert len(kept) == 3
    for trial in report.trials[:3]:
        assert kept[f"divergence {trial.group} {trial.fmt or 'exact'}"]["kl"] == trial.divergence.kl


def test_a_model_of_ones_own_is_made_anew_from_its_file(edgewise_home: Path, tiny_gguf: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(tiny_gguf.read_bytes())
    convert(file, name="mine", context_tokens=100)
    file.rename(tmp_path / "elsewhere.gguf")
    with pytest.raises(ModelNotFound, match=r"mine\.gguf, which is not here") as error:
        tune("mine", threads=1)
    assert "--from" in error.value.remedy
    model, _ = tune("mine", threads=1, origin=tmp_path / "elsewhere.gguf")
    assert json.loads((model.path / "config.json").read_text())["max_position_embeddings"] == 100


def test_another_file_is_not_taken_for_it(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "other.gguf").write_bytes(b"other")
    with pytest.raises(InvalidRequest, match="is not what tiny-chat was made from"):
        tune(tiny, threads=1, origin=tmp_path / "other.gguf")


def test_what_came_as_a_graph_stays_as_it_is(edgewise_home: Path, tmp_path: Path) -> None:
    write_synthetic_model(tmp_path / "graph")
    pull(str(tmp_path / "graph"), name="graph")
    with pytest.raises(ModelNotFound, match="came as a graph"):
        tune("graph", threads=1)


@pytest.mark.parametrize("bound", [0, -1, float("nan")])
def test_a_bound_leaves_something_to_search(tiny: str, bound: float) -> None:
    with pytest.raises(InvalidRequest):
        tune(tiny, max_kl=bound, threads=1)


def test_a_model_that_is_not_installed(edgewise_home: Path) -> None:
    with pytest.raises(ModelNotFound):
        tune("smollm2-135m-instruct")
