"""Accounts in memory and in a real Redis: what is true of one is true of the other."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from cloud_gateway.accounts.books import Books
from cloud_gateway.accounts.memory import MemoryBooks
from cloud_gateway.accounts.shared import RedisBooks
from cloud_gateway.sections.state import StateSection
from cloud_gateway.state import SharedState, opened

KEEP_S = 10_000.0


@pytest.fixture(scope="module")
async def state(request: pytest.FixtureRequest, one_loop: None) -> AsyncIterator[SharedState]:
    url = request.getfixturevalue("redis_server").url
    async with opened(StateSection(redis_url=url, key_prefix=f"test-{uuid.uuid4().hex}:", timeout_s=60), {}) as state:
        assert state is not None
        yield state


@pytest.fixture(params=["memory", "redis"], scope="module")
def new_books(request: pytest.FixtureRequest) -> Callable[[], Books]:
    """Makes empty books."""
    if request.param == "memory":
        return lambda: MemoryBooks(keep_s=KEEP_S, keep_ids=10_000)
    state: SharedState = request.getfixturevalue("state")
    return lambda: RedisBooks(SharedState(state.redis, state.key(uuid.uuid4().hex, "")), keep_s=KEEP_S)
