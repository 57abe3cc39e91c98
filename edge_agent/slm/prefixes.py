"""Keys and values of what was read before, so that nothing is read twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.slm.beginning import common
from edge_agent.slm.cache_layout import CacheLayout
from edge_agent.slm.prefix_files import PrefixFiles
from edge_agent.slm.system_prompt import SystemPrompt

BLOCK_TOKENS: Final = 128
_LEFT_OVER: Final = 2
"""Tokens of a prompt that are always read anew: its logits come from them, and a pass over one rounds differently."""

Buffers = Sequence[NDArray[Any]]
"""Keys and values as a graph has them: one array a cache input, [kv_heads, capacity, head_dim], or a 1 before that."""
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PrefixRoom:
    """How much may be kept of what was read.

    Attributes:
        memory_bytes: keys and values in memory; 0 keeps nothing.
        folder: where system prompts are saved; None saves nothing.
        disk_bytes: all files in `folder` together.
    """

    memory_bytes: int = 128_000_000
    folder: Path | None = None
    disk_bytes: int = 128_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """Keys and values of a prompt's first `length` tokens. They stay, whatever the store drops meanwhile."""

    length: int
    _blocks: tuple[NDArray[np.floating], ...]

    def copy_to(self, buffers: Buffers) -> None:
        """Write them into the first `length` places of `buffers`."""
        for index, buffer in enumerate(buffers):
            at = 0
            for block in self._blocks:
                n = min(block.shape[2], self.length - at)
                buffer[..., at : at + n, :] = block[index, :, :n]
                at += n


@dataclass(eq=False, slots=True)
class _Block:
    """Up to 128 tokens behind those of `parent`, with keys and values [arrays, kv_heads, n, head_dim], for good.

    Only a full block has children.
    """

    tokens: Ids
    kv: NDArray[np.floating]
    parent: _Block | None
    children: list[_Block] = field(default_factory=list)

    def nearest(self, tokens: Ids) -> tuple[int, _Block]:
        """The child that begins most like `tokens`, and in how many tokens it does."""
        return max(((common(child.tokens, tokens), child) for child in self.children), key=lambda pair: pair[0])


class PrefixStore:
    """What was read before: a tree of blocks in which prompts that begin alike share their beginning.

    A prompt finds the longest beginning that it has in common with any earlier one, to the token. When the bound is
    reached, the leaf that was not used for longest goes. One thread uses a store: the one that computes.

    Blocks of fixed size whose identity includes their parent's are vLLM's (Kwon et al. 2023, PagedAttention); a tree
    of prefixes with least-recently-used leaves is SGLang's (Zheng et al. 2024, RadixAttention).
    """

    def __init__(self, layout: CacheLayout, *, max_bytes: int, files: PrefixFiles | None = None) -> None:
        """Args:
        layout: of the model's cache.
        max_bytes: of keys and values in memory. 0 keeps nothing.
        files: where system prompts are saved; without it, nothing is.
        """
        self._layout = layout
        self._max_bytes = max_bytes
        self._files = files
        self._empty()

    @classmethod
    def open(cls, layout: CacheLayout, room: PrefixRoom, *, identity: str) -> PrefixStore:
        """A store for a model; where `identity` is empty, nothing is saved, since nobody knows whose it would be."""
        files = None
        if room.folder is not None and identity:
            files = PrefixFiles(room.folder, identity=identity, layout=layout, max_bytes=room.disk_bytes)
        return cls(layout, max_bytes=room.memory_bytes, files=files)

    @property
    def bytes(self) -> int:
        """What the keys and values take in memory."""
        return self._bytes

    @property
    def most_tokens(self) -> int:
        """How many tokens there is room for."""
        return self._max_bytes // self._layout.bytes_per_token

    def clear(self) -> None:
        """Forget all prompts, with whatever records were in them. The saved ones hold none, and go all the same."""
        self._empty()
        if self._files is not None:
            self._files.clear()

    def _empty(self) -> None:
        nothing = np.empty(self._layout.shape(0), self._layout.dtype)
        self._root = _Block(np.empty(0, np.int64), nothing, None)
        # The least recently used first. Whoever uses a block uses all before it, so a parent is always behind its
        # children here, and the first is a leaf.
        self._used: OrderedDict[_Block, None] = OrderedDict()
        self._bytes = 0

    def match(self, tokens: Sequence[int], system: SystemPrompt | None = None) -> Kept | None:
        """The longest known beginning of a prompt, less the two tokens that are always read anew.

        Args:
            tokens: the prompt.
            system: how it begins. Where memory does not know that, the disk may.
        """
        ids = np.asarray(tokens, np.int64)
        path, length = self._walk(ids)
        if system is not None and self._files is not None and length < len(system.tokens) and system.begins(tokens):
            saved = self._files.load(system)
            if saved is not None:
                self._insert(np.array(system.tokens, np.int64), lambda start, stop: saved[:, :, start:stop].copy())
                path, length = self._walk(ids)
        self._touch(path)
        length = min(length, len(ids) - _LEFT_OVER)
        return Kept(length, tuple(block.kv for block in path)) if length > 0 else None

    def keep(self, tokens: Sequence[int], buffers: Buffers) -> None:
        """Remember what a prompt's beginning was read as. What is known already is not copied again.

        Args:
            tokens: those that came in passes of two tokens or more, from the first on. Others round differently, and
                an answer would depend on what was asked before.
            buffers: their keys and values, in their first places.
        """
        self._insert(np.asarray(tokens, np.int64), lambda start, stop: _cut(buffers, start, stop))

    def save(self, system: SystemPrompt, tokens: Sequence[int], buffers: Buffers) -> None:
        """Write the system prompt that `tokens` begin with to disk, where it is not yet.

        Args:
            tokens, buffers: as of `keep`.
        """
        if self._files is not None and system.begins(tokens):
            self._files.save(system, lambda: _cut(buffers, 0, len(system.tokens)))

    def _walk(self, ids: Ids) -> tuple[list[_Block], int]:
        """The blocks along `ids`, of the last perhaps only a beginning, and how many tokens they share with it."""
        path: list[_Block] = []
        block, length = self._root, 0
        while length == len(path) * BLOCK_TOKENS and block.children:
            shared, block = block.nearest(ids[length : length + BLOCK_TOKENS])
            if not shared:
                break
            path.append(block)
            length += shared
        return path, length

    def _insert(self, ids: Ids, read: Callable[[int, int], NDArray[np.floating]]) -> None:
        """Add what is missing of `ids`, as much of its beginning as the bound allows. `read` gives copies."""
        ids = ids[: self.most_tokens]
        path, _ = self._walk(ids)
        known = [
            block for at, block in enumerate(path) if len(_chunk(ids, at)) == common(block.tokens, _chunk(ids, at))
        ]
        self._touch(known)
        parent = known[-1] if known else self._root
        for at in range(len(known), -(-len(ids) // BLOCK_TOKENS)):
            tokens = _chunk(ids, at)
            for shorter in [child for child in parent.children if common(child.tokens, tokens) == len(child.tokens)]:
                self._drop(shorter)
            start = at * BLOCK_TOKENS
            self._make_room(len(tokens) * self._layout.bytes_per_token)
            kv = read(start, start + len(tokens))
            kv.flags.writeable = False
            block = _Block(tokens.copy(), kv, parent)
            parent.children.append(block)
            known.append(block)
            self._bytes += kv.nbytes
            self._touch(known)
            parent = block

    def _touch(self, path: Sequence[_Block]) -> None:
        """Mark blocks from the root on as used just now."""
        for block in reversed(path):
            self._used[block] = None
            self._used.move_to_end(block)

    def _make_room(self, n_bytes: int) -> None:
        while self._used and self._bytes + n_bytes > self._max_bytes:
            self._drop(next(iter(self._used)))

    def _drop(self, leaf: _Block) -> None:
        assert leaf.parent is not None
        assert not leaf.children, "a block goes before its parent"
        leaf.parent.children.remove(leaf)
        del self._used[leaf]
        self._bytes -= leaf.kv.nbytes


def _chunk(ids: Ids, block: int) -> Ids:
    """What the block number `block` of `ids` holds."""
    return ids[block * BLOCK_TOKENS : (block + 1) * BLOCK_TOKENS]


def _cut(buffers: Buffers, start: int, stop: int) -> NDArray[np.floating]:
    """A copy of what `buffers` hold of some tokens, [arrays, kv_heads, stop - start, head_dim]."""
    parts = [buffer.reshape(buffer.shape[-3:])[:, start:stop] for buffer in buffers]
    cut = np.empty((len(parts), *parts[0].shape), parts[0].dtype)
    for place, part in zip(cut, parts, strict=True):  # np.stack takes six times as long for arrays of this size
        place[...] = part
    return cut
