"""What the client's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.client.testing import FakeGateway


@pytest.fixture(scope="module")
def fake_target() -> Iterator[str]:
    """The address of a fake gateway that answers everything, for other processes."""
    with FakeGateway() as fake:
        yield fake.target
