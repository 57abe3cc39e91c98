"""What a JSON schema may ask for before anybody compiles it: bounds that the compiler does not have itself.

llguidance bounds its own work in general, with two holes that a hostile schema finds: it follows references recursively
(a chain of some hundreds overflows a thread's stack, which ends the process), and it takes time and memory in
proportion to a `multipleOf`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from orchestrator.errors import InvalidFormat

MAX_SCHEMA_BYTES: Final = 64 * 1024
MAX_NESTING: Final = 300
"""Levels of lists and objects, those behind each reference once. A level takes the compiler up to 10 kB of stack."""
MAX_MULTIPLES: Final = 20_000
"""All `multipleOf` of a schema together, without trailing zeros and decimal point: about 0.3 s."""


def check_schema(text: str) -> None:
    """Pass a schema that can be compiled in bounded time and memory.

    Raises:
        InvalidFormat: it cannot, or is no JSON object.
    """
    if len(text) > MAX_SCHEMA_BYTES or len(text.encode(errors="replace")) > MAX_SCHEMA_BYTES:
        raise InvalidFormat(f"the schema is longer than {MAX_SCHEMA_BYTES // 1024} KiB", remedy="ask for less at once")
    try:
        schema = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise InvalidFormat("the schema is not valid JSON", remedy="give one JSON object") from None
    if not isinstance(schema, dict):
        raise InvalidFormat("the schema is not a JSON object", remedy="give one JSON object")
    _check_nesting(schema)
    if sum(_digits(value) for value in _values_of("multipleOf", schema)) > MAX_MULTIPLES:
        raise InvalidFormat("the schema's 'multipleOf' is too large", remedy=f"stay below {MAX_MULTIPLES} in all")


def _check_nesting(schema: dict[str, Any]) -> None:
    """However the compiler walks, it enters the place behind each reference once: the sum of all is the most."""
    whole = levels = _levels(schema)
    for pointer in {value for value in _values_of("$ref", schema) if isinstance(value, str)}:
        place = _behind(schema, pointer)
        levels += whole if place is schema else _levels(place)
        if levels > MAX_NESTING:
            break
    if levels > MAX_NESTING:
        raise InvalidFormat(
            f"the schema is nested more than {MAX_NESTING} levels deep, references followed",
            remedy="flatten it, or ask for less at once",
        )


def _levels(value: Any) -> int:
    """Levels of lists and objects in `value`, breadth first: it may be deeper than Python's own stack."""
    levels, layer = 0, [value]
    while layer := [inner for outer in layer for inner in _inside(outer)]:
        levels += 1
    return levels


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _behind(schema: dict[str, Any], pointer: str) -> Any:
    """What a reference leads to: by JSON pointer (RFC 6901); by any other way it may be anything, so the whole."""
    place: Any = schema
    for step in pointer.removeprefix("#").removeprefix("/").split("/") if pointer.startswith("#/") else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict) and name in place:
            place = place[name]
        elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
            place = place[int(name)]
        else:
            return schema
    return place


def _values_of(keyword: str, schema: Any) -> Iterator[Any]:
    """Every value of a keyword, wherever it stands."""
    layer = [schema]
    while layer:
        yield from (outer[keyword] for outer in layer if isinstance(outer, dict) and keyword in outer)
        layer = [inner for outer in layer for inner in _inside(outer)]


def _digits(value: Any) -> int:
    """The digits of a number as one whole number: 0.25 has 25. Of anything else 0: the compiler refuses it."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return 0
    digits = "".join(map(str, Decimal(value).as_tuple().digits)).rstrip("0")
    return int(digits[:20] or 0)


def _no_number(name: str) -> None:
    raise ValueError(name)
