"""The public surface of the SDK is what surface.txt says: it changes on purpose or not at all.

To change it: `python -m pytest tests/orchestrator/client/test_surface.py`, look at the difference, and write the new
text into the file.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import orchestrator.client
import orchestrator.client.testing

PAGE = Path(__file__).with_name("surface.txt")
TESTING = ("FakeGateway", "FakeReply", "FakeRequest")


def described(name: str, thing: type) -> Iterator[str]:
    """A class: its fields or its constructor, then its public members."""
    if issubclass(thing, enum.Enum):
        yield f"class {name}: " + ", ".join(str(member.value) for member in thing)
        return
    yield f"class {name}"
    if dataclasses.is_dataclass(thing):
        for field in dataclasses.fields(thing):
            optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            yield f"    {field.name}: {field.type}" + (" = …" if optional else "")
    elif "__init__" in vars(thing) and not getattr(thing, "_is_protocol", False):
        yield f"    __init__{inspect.signature(thing)}"
    for member, value in sorted(vars(thing).items()):
        if member.startswith("_") and member not in ("__enter__", "__aenter__"):
            continue
        if inspect.isfunction(value):
            yield f"    {member}{inspect.signature(value)}"
        elif isinstance(value, property):
            yield f"    {member}: {value.fget.__annotations__['return'] if value.fget else ''}"


def surface(module: ModuleType, names: tuple[str, ...]) -> Iterator[str]:
    yield f"# {module.__name__}"
    for name in sorted(names):
        yield from described(name, getattr(module, name))


def test_the_surface_is_the_one_that_is_written_down() -> None:
    lines = [
        *surface(orchestrator.client, tuple(orchestrator.client.__all__)),
        *surface(orchestrator.client.testing, TESTING),
    ]
    assert "\n".join(lines) + "\n" == PAGE.read_text(encoding="utf-8")
