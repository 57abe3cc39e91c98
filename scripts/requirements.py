"""Print what Edgewise with the named extras asks for directly, one requirement a line, from pyproject.toml alone.

    python scripts/requirements.py gateway >gateway.txt
    pip install --require-hashes --constraint constraints.txt --requirement gateway.txt

A container image installs its dependencies so, in a layer that a change of our own code leaves alone.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
OURS = re.compile(rf"{PROJECT['name']}\[(.+)\]")


def requirements(*extras: str) -> set[str]:
    """The requirements of the base install and of `extras`, those of our own extras spelled out.

    Raises:
        KeyError: pyproject.toml has no such extra.
    """
    found = set(PROJECT["dependencies"])
    for extra in extras:
        for line in PROJECT["optional-dependencies"][extra]:
            ours = OURS.fullmatch(line)
            found |= requirements(*ours[1].split(",")) if ours else {line}
    return found


if __name__ == "__main__":
    sys.stdout.write("\n".join(sorted(requirements(*sys.argv[1:]))) + "\n")
