"""The KV caches of several sequences side by side, so that one pass can go over all of them."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Sequence
from math import prod

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_agent.slm.cache import Held, KVCache
from edge_agent.slm.session import Session
from edge_agent.slm.signature import FloatType
from orchestrator.errors import InferenceFailed

_FIRST = 256


class Rows:
    """One buffer a cache input, [rows, kv_heads, capacity, head_dim], which the graph appends to in place.

    A sequence has a row. A pass over it alone binds that row, a batch the first rows of all. Rows lie without a gap:
    when one is closed, the last takes its place. Rows and places double when there are too few, up to the window: all
    set aside at once would be gigabytes that most conversations never fill, and speed is the same. With the last row
    the memory goes.
    """

    def __init__(self, session: Session, window: int, most: int = 1) -> None:
        """Args:
        session: of a graph whose past and present may be one buffer.
        window: most tokens of a row.
        most: rows at once.
        """
        self._session = session
        self._window = window
        self._most = most
        self._rows: list[SharedCache] = []
        self._buffers: list[NDArray[np.floating]] = []
        self._places = 0
        self._capacity = 0
        self._bindings: dict[tuple[int, int], onnxruntime.IOBinding] = {}

    def __len__(self) -> int:
        """Rows in use."""
        return len(self._rows)

    @property
    def bytes(self) -> int:
        """Set aside for keys and values; what was never written to takes no memory where the system maps it late."""
        return sum(buffer.nbytes for buffer in self._buffers)

    def open(self) -> SharedCache:
        """An empty cache in a row of its own.

        Raises:
            ValueError: all rows are in use.
        """
        if len(self._rows) == self._most:
            raise ValueError(f"{self._most} rows are in use")
        cache = SharedCache(self._session, self)
        self._rows.append(cache)
        return cache

    def close(self, cache: SharedCache) -> None:
        """Take the row back."""
        cache.truncate(0)
        self._swap(self._rows.index(cache), len(self._rows) - 1)
        self._rows.pop()
        if not self._rows:
            self._bindings.clear()
            self._buffers.clear()
            self._places = self._capacity = 0

    def bind(self, cache: SharedCache, new: int) -> onnxruntime.IOBinding:
        """The binding for a pass over `new` more tokens of one row.

        Raises:
            As `make_room`.
        """
        self.make_room(cache, len(cache) + new)
        return self._binding(self._rows.index(cache), 1)

    def bind_batch(self, caches: Sequence[SharedCache]) -> onnxruntime.IOBinding:
        """The binding for a pass over one more token of each of `caches`, in their order from the first row on.

        Raises:
            As `make_room`.
        """
        for cache in caches:
            self.make_room(cache, len(cache) + 1)
        for at, cache in enumerate(caches):
            if self._rows[at] is not cache:
                self._swap(at, self._rows.index(cache))
        return self._binding(0, len(caches))

    def buffers(self, cache: SharedCache) -> list[NDArray[np.floating]]:
        """Keys and values of a row: one array a cache input, [1, kv_heads, capacity, head_dim]."""
        at = self._rows.index(cache)
        return [buffer[at : at + 1] for buffer in self._buffers] if at < self._places else []

    def make_room(self, cache: SharedCache, length: int) -> None:
        """Have places for `length` tokens in a row.

        Raises:
            ValueError: the window is shorter.
            InferenceFailed: there is not enough memory. All rows are as they were.
        """
        if length > self._window:
            raise ValueError(f"{length} tokens in a window of {self._window}")
        places, capacity = self._places, self._capacity
        if self._rows.index(cache) >= places:
            places = min(self._most, max(2 * places, len(self._rows)))
        if length > capacity:
            capacity = min(self._window, max(length, 2 * capacity, _FIRST))
        if (places, capacity) != (self._places, self._capacity):
            try:
                self._grow(places, capacity)
            except MemoryError as error:
                raise InferenceFailed(
                    f"no memory for {length} tokens of {len(self._rows)} answers at once",
                    remedy="ask for fewer at once, shorten the conversation, or lower model.context_tokens",
                ) from error

    def _grow(self, places: int, capacity: int) -> None:
        """Move to larger buffers, or raise MemoryError and stay.

        Old and new never exist all at once: see `_zeros`.
        """
        signature, used = self._session.signature, self._rows[: self._places]
        # One more than there may be tokens: where the graph takes one, the spare place.
        shape = (places, signature.kv_heads, capacity + 1, signature.head_dim)
        buffers = [_zeros(shape, signature.cache_type) for _ in signature.past]
        self._bindings.clear()  # none may lead to what is gone
        for index, smaller in enumerate(self._buffers):
            for at, cache in enumerate(used):
                buffers[index][at, :, : len(cache)] = smaller[at, :, : len(cache)]
            self._buffers[index] = buffers[index]
        self._buffers, self._places, self._capacity = buffers, places, capacity

    def _swap(self, one: int, other: int) -> None:
        """Let two rows change places."""
        first, second = self._rows[one], self._rows[other]
        for buffer in self._buffers if one != other else []:
            moved = buffer[one, :, : len(first)].copy() if len(first) else None
            if len(second):
                buffer[one, :, : len(second)] = buffer[other, :, : len(second)]
            if moved is not None:
                buffer[other, :, : len(first)] = moved
        self._rows[one], self._rows[other] = second, first

    def _binding(self, first: int, count: int) -> onnxruntime.IOBinding:
        key = first, count
        if key not in self._bindings:
            binding, signature = self._session.binding(), self._session.signature
            for past, present, buffer in zip(signature.past, signature.present, self._buffers, strict=True):
                part = buffer[first : first + count]
                place = ("cpu", 0, signature.cache_type, part.shape, part.ctypes.data)
                binding.bind_input(past, *place)
                binding.bind_output(present, *place)
            self._bindings[key] = binding
        return self._bindings[key]


class SharedCache(KVCache):
    """One row of several."""

    def __init__(self, session: Session, rows: Rows) -> None:
        """Made by `Rows.open`."""
        super().__init__(session)
        self._rows = rows

    def bind(self, new: int) -> onnxruntime.IOBinding:
        return self._rows.bind(self, new)

    @property
    def buffers(self) -> list[NDArray[np.floating]]:
        return self._rows.buffers(self)

    def _fill(self, kept: Held) -> None:
        self._rows.make_room(self, kept.length)
        kept.copy_to(self.buffers)

    def close(self) -> None:
        self._rows.close(self)


def _zeros(shape: tuple[int, ...], kind: FloatType) -> NDArray[np.floating]:
    """Zeros that take memory when they are first written to, and give it back with the array.

    What the C library hands out does neither any more, once a large piece was freed: it then keeps pieces of up to 32
    megabytes for later, and clears them beforehand (glibc's M_MMAP_THRESHOLD moves). A model's loading frees such ones.

    Raises:
        MemoryError: the system has no more to promise.
    """
    size = prod(shape) * kind.itemsize
    try:
        if sys.platform == "win32":
            pages = mmap.mmap(-1, size)
        else:
            pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"{size} bytes") from error
    return np.ndarray(shape, kind, pages)
