"""Commands as they are typed, and what came of them."""

from __future__ import annotations

import json
from typing import Any

import typer
from typer.testing import CliRunner, Result

from orchestrator.errors import EdgewiseError


class Commands:
    """A command line in this process."""

    def __init__(self, app: typer.Typer) -> None:
        self._app = app

    def run(self, *words: str, typed: str = "") -> Result:
        """`typed` is what the command reads from the keyboard."""
        return CliRunner().invoke(self._app, words, input=typed)

    def done(self, *words: str, typed: str = "") -> str:
        """What a command that succeeds prints."""
        result = self.run(*words, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout

    def as_json(self, *words: str) -> Any:
        """The same with `--json`, read."""
        return json.loads(self.done(*words, "--json"))

    def error(self, *words: str) -> EdgewiseError:
        """How a command fails."""
        result = self.run(*words)
        assert isinstance(result.exception, EdgewiseError), result.output
        return result.exception
