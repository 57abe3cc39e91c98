"""Several caches in one buffer: rows come, go, grow and change places, and keep what they hold."""

from __future__ import annotations

import errno
import mmap
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.cache import KVCache
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.rows import SharedCache
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session
from orchestrator.errors import InferenceFailed


@pytest.fixture(scope="session")
def decoder(shared: Session) -> Decoder:
    return Decoder(shared, window=512, weight_bytes=0)


def read(decoder: Decoder, cache: KVCache, ids: list[int]) -> Floats:
    row: Floats = decoder.forward(cache, ids, Interrupt())[-1]
    return row


def some(seed: int, count: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(3, 300, count)]


def test_growing_buffers_keep_what_they_hold(shared: Session) -> None:
    """Across 256 tokens, where the first buffers end, and up to the last place of the window."""
    decoder = Decoder(shared, window=300, weight_bytes=0)
    ids = np.random.default_rng(0).integers(3, 300, 300).tolist()
    grown, whole = decoder.new_cache(), decoder.new_cache()
    read(decoder, grown, ids[:255])
    for token in ids[255:299]:
        read(decoder, grown, [token])
    np.testing.assert_allclose(read(decoder, grown, ids[299:]), read(decoder, whole, ids), atol=1e-4)
    with pytest.raises(ValueError, match="301 tokens in a window of 300"):
        grown.bind(1)


moves = st.lists(st.tuples(st.sampled_from(["open", "close", "read", "batch"]), st.integers(0, 99)), max_size=30)


@given(moves=moves)
def test_rows_never_mix(decoder: Decoder, moves: list[tuple[str, int]]) -> None:
    """Whatever happens to the others, a row goes on as a cache of its own."""
    rows = decoder.new_rows(4)
    pairs: list[tuple[SharedCache, KVCache]] = []
    for number, (move, pick) in enumerate(moves):
        if move == "open" and len(pairs) < 4:
            pairs.append((rows.open(), decoder.new_cache()))
        elif not pairs:
            continue
        elif move == "close":
            pairs.pop(pick % len(pairs))[0].close()
        elif move == "read":
            ids = some(number, 2 + pick)
            row, alone = pairs[pick % len(pairs)]
            if len(row) + len(ids) <= 512:
                np.testing.assert_allclose(read(decoder, row, ids), read(decoder, alone, ids), atol=2e-4)
        elif ready := [pair for pair in pairs[pick % 4 :] if 0 < len(pair[0]) < 512]:
            ids = some(number, len(ready))
            logits = decoder.forward_batch(rows, [row for row, _ in ready], ids, Interrupt())
            for (_, alone), token, got in zip(ready, ids, logits, strict=True):
                np.testing.assert_allclose(got, read(decoder, alone, [token]), atol=2e-4)
    for row, alone in pairs:
        assert row.tokens == alone.tokens
        for mine, other in zip(row.buffers, alone.buffers, strict=False):
            np.testing.assert_allclose(mine[:, :, : len(row)], other[:, :, : len(row)], atol=2e-4)


def test_memory_is_given_back_with_the_last_row(decoder: Decoder) -> None:
    rows = decoder.new_rows(4)
    first, second = rows.open(), rows.open()
    assert rows.bytes == 0
    read(decoder, first, some(0, 10))
    read(decoder, second, some(1, 300))
    assert rows.bytes > 300 * 256
    first.close()
    assert len(rows) == 1
    assert second.tokens == some(1, 300)
    second.close()
    assert (len(rows), rows.bytes) == (0, 0)


def test_there_are_as_many_rows_as_were_agreed(decoder: Decoder) -> None:
    rows = decoder.new_rows(1)
    rows.open()
    with pytest.raises(ValueError, match="1 rows are in use"):
        rows.open()


@pytest.mark.parametrize("after", range(4))
def test_without_memory_a_row_fails_typed_and_the_others_go_on(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Wherever it ends among the four buffers of two layers."""
    rows = decoder.new_rows(2)
    first, second, alone = rows.open(), rows.open(), decoder.new_cache()
    read(decoder, first, some(0, 10))
    read(decoder, second, some(1, 10))
    read(decoder, alone, some(0, 10))
    pages, made, more = mmap.mmap, iter(range(100)), some(2, 300)

    def short(*args: Any, **options: Any) -> Any:
        if next(made) == after:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return pages(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(mmap, "mmap", short)
        with pytest.raises(InferenceFailed, match="no memory for 310 tokens of 2 answers at once"):
            decoder.forward(second, more, Interrupt())
    assert second.tokens == some(1, 10)
    np.testing.assert_allclose(read(decoder, first, [7, 8]), read(decoder, alone, [7, 8]), atol=2e-4)
    read(decoder, second, more)
