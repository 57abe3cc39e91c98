"""`edgewise context embed`, and which embedding model the commands take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import context
from edge_agent.cli import eval as evaluating
from edge_agent.home import models_dir
from orchestrator.errors import EdgewiseError, ModelNotFound, ModelUnsupported


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))
    monkeypatch.setenv("EDGEWISE_LOCAL_ONLY", "true")
    return tmp_path


@pytest.fixture
def conversations(tmp_path: Path) -> Path:
    turn = {"dia_id": "D1:1", "session": 1, "time": "2026-11-20", "speaker": "Ada", "text": "I bought a kiln."}
    asked = {"question": "What did Ada buy?", "category": 4, "evidence": ["D1:1"]}
    file = tmp_path / "conversations.jsonl"
    file.write_text(json.dumps({"turns": [turn], "qa": [asked]}), encoding="utf-8")
    return file


def error(kind: type[EdgewiseError], app: object, *words: str) -> str:
    result = CliRunner().invoke(app, words)  # type: ignore[arg-type]
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


@pytest.mark.parametrize(
    ("named", "says"),
    [("", "no embedding model is named"), ("nosuch", "nosuch is not on this device, and local-only opens no socket")],
)
def test_a_model_that_cannot_be_had_is_said(
    named: str, says: str, conversations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEWISE_CONTEXT__EMBEDDING", named)
    assert says in error(ModelNotFound, context.app, "embed")
    assert says in error(ModelNotFound, evaluating.app, "memory", "--data", str(conversations))


@pytest.mark.model
def test_another_model_takes_over(minilm: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def done(*words: str) -> str:
        result = CliRunner().invoke(context.app, words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def embedded() -> dict[str, int]:
        found: dict[str, int] = json.loads(done("stats", "--json"))["embedded"]
        return found

    models_dir().mkdir(parents=True)
    for name in ("first", "second"):
        (models_dir() / name).symlink_to(minilm)
    done("add", "The kiln is in the shed.")
    for name in ("first", "second"):
        monkeypatch.setenv("EDGEWISE_CONTEXT__EMBEDDING", str(models_dir() / name))
        assert done("embed") == f"1 record can be found by meaning, with {name}.\n"
        assert embedded() == {name: 1}


@pytest.mark.model
def test_a_model_that_writes_embeds_nothing(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_CONTEXT__EMBEDDING", str(smollm2))
    assert "embeds no texts" in error(ModelUnsupported, context.app, "embed")
