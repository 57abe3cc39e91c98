"""A little of `make fuzz` with every run of the tests, from the same beginning."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNS = 1000
HANG_S = 200


def test_nothing_that_strangers_send_comes_through_as_anything_but_a_typed_error(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris, which has wheels for Linux alone, is not installed")
    program = Path(__file__).with_name("fuzz.py")
    done = subprocess.run(
        [sys.executable, str(program), f"-runs={RUNS}", "-seed=1", "-max_total_time=20"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done" in done.stderr
