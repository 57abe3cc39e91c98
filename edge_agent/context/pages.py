"""Rows found by looking at every page of a file, where the trees that lead to them are broken.

The format is described at sqlite.org/fileformat2.html: 1.5 and 1.6 (pages and their cells), 2.1 (what a cell holds).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

Value = None | int | float | str | bytes

_MAGIC: Final = b"SQLite format 3\0"
_USUAL_SIZE: Final = 4096
_FILE_HEADER: Final = 100
"""Bytes, in the first page only."""
_LEAF_OF_TABLE: Final = 13
_CELLS: Final = 8
"""Bytes of a leaf's header; behind it, two for the place of each cell."""
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Serial type → bytes."""
_FLOAT, _ZERO, _ONE, _FIRST_SIZED = 7, 8, 9, 12
_NONSENSE: Final = (IndexError, ValueError, struct.error)


def rows(path: Path) -> Iterator[tuple[int, list[Value]]]:
    """Ids and values of all rows on pages that are leaves of some table, of whichever, and can be read.

    The value of the column that is the id is None. Not for encrypted files. Opens and closes the file, which ends the
    locks that this process has on it: have no connection to it.

    Raises:
        OSError: the file cannot be read.
    """
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        size = _page_size(data)
        for start in range(0, len(data) - size + 1, size):
            yield from _leaf(data, start, size)


def _page_size(data: mmap.mmap) -> int:
    size = int.from_bytes(data[16:18])
    size = 65536 if size == 1 else size
    usable = data[:16] == _MAGIC and 512 <= size <= 65536 and size & (size - 1) == 0
    return size if usable else _USUAL_SIZE


def _leaf(data: mmap.mmap, start: int, size: int) -> Iterator[tuple[int, list[Value]]]:
    header = start + (_FILE_HEADER if start == 0 else 0)
    if data[header] != _LEAF_OF_TABLE:
        return
    count = int.from_bytes(data[header + 3 : header + 5])
    for number in range(min(count, size // 4)):
        place = header + _CELLS + 2 * number
        try:
            yield _cell(data, start + int.from_bytes(data[place : place + 2]), size)
        except _NONSENSE:
            continue


def _cell(data: mmap.mmap, at: int, size: int) -> tuple[int, list[Value]]:
    length, at = _varint(data, at)
    row_id, at = _varint(data, at)
    return row_id, _values(_payload(data, at, length, size))


def _payload(data: mmap.mmap, at: int, length: int, size: int) -> bytes:
    """What a cell holds: all of it here, or its beginning, and the number of a page where it goes on."""
    if not 0 < length <= len(data):
        raise ValueError("longer than the file")
    most, least = size - 35, (size - 12) * 32 // 255 - 23
    if length <= most:
        return data[at : at + length]
    here = least + (length - least) % (size - 4)
    here = here if here <= most else least
    found = [data[at : at + here]]
    page, left = int.from_bytes(data[at + here : at + here + 4]), length - here
    while left > 0:
        start = (page - 1) * size
        if start < size or start >= len(data):
            raise ValueError("goes on nowhere")
        found.append(data[start + 4 : start + min(size, 4 + left)])
        page, left = int.from_bytes(data[start : start + 4]), left - (size - 4)
    return b"".join(found)


def _values(payload: bytes) -> list[Value]:
    header, at = _varint(payload, 0)
    types = []
    while at < header:
        kind, at = _varint(payload, at)
        types.append(kind)
    found: list[Value] = []
    for kind in types:
        value, at = _value(payload, at, kind)
        found.append(value)
    if at != len(payload) or not found:
        raise ValueError("not a record")
    return found


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    """The value of a serial type, and where the next one begins."""
    if kind == 0:
        return None, at
    if kind in (_ZERO, _ONE):
        return kind - _ZERO, at
    if kind in _INTEGERS:
        end = at + _INTEGERS[kind]
        return int.from_bytes(payload[at:end], signed=True), end
    if kind == _FLOAT:
        return struct.unpack(">d", payload[at : at + 8])[0], at + 8
    if kind < _FIRST_SIZED:
        raise ValueError("no such type")
    end = at + (kind - _FIRST_SIZED) // 2
    return (payload[at:end].decode() if kind % 2 else payload[at:end]), end


def _varint(data: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, seven bits in each but the last of nine, and where the next one begins."""
    number = 0
    for place in range(at, at + 8):
        number = number << 7 | data[place] & 0x7F
        if not data[place] & 0x80:
            return number, place + 1
    number = number << 8 | data[at + 8]
    return number - (1 << 64) if number >> 63 else number, at + 9
