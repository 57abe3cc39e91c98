"""The keys file, and who is let in."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_gateway import keys
from cloud_gateway.auth import ANONYMOUS, KeyRing
from orchestrator.errors import CloudUnauthenticated, ConfigError
from orchestrator.testing import ManualClock

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
FIXED = keys.Key(name="fixed", sha256=keys.digest("k" * 32), created_at=NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "keys.json"


def bearer(key: str) -> list[tuple[str, str | bytes]]:
    return [("user-agent", "test"), ("authorization", f"Bearer {key}")]


def test_a_key_is_stored_as_a_digest_only(file: Path) -> None:
    key = keys.create(file, "phone", now=NOW)
    assert key.startswith(keys.PREFIX)
    assert len(key) >= 43 + len(keys.PREFIX)  # 256 bits
    assert key not in file.read_text()
    assert keys.load(file) == [keys.Key(name="phone", sha256=keys.digest(key), created_at=NOW)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_name_has_one_key_at_a_time(file: Path) -> None:
    first = keys.create(file, "phone", now=NOW)
    with pytest.raises(ConfigError, match="has a key already"):
        keys.create(file, "phone", now=NOW)
    keys.revoke(file, "phone", now=NOW)
    second = keys.create(file, "phone", now=NOW)
    assert first != second
    assert [key.revoked_at for key in keys.load(file)] == [NOW, None]
    with pytest.raises(ConfigError, match="has no key"):
        keys.revoke(file, "tablet", now=NOW)


def test_many_at_once_lose_no_key(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: keys.create(file, f"phone-{number}", now=NOW), range(24)))
    assert len(keys.load(file)) == 24
    assert [path.name for path in file.parent.iterdir() if path.suffix not in (".json", ".lock")] == []


@pytest.mark.parametrize("content", [b"", b"{}", b"keys: []", b'{"keys":[{"name":1}]}', b"\xff"])
def test_what_is_no_keys_file_is_named_and_left_alone(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"keys\.json is not a keys file"):
        keys.create(file, "phone", now=NOW)
    assert file.read_bytes() == content


def test_the_ring_follows_the_file(file: Path) -> None:
    ring = KeyRing([FIXED], clock=ManualClock(NOW), file=file, allow_anonymous=False)
    key = keys.create(file, "phone", now=NOW)
    assert ring.caller(bearer(key)).name == "phone"
    assert ring.caller([("authorization", f"bearer {key} ")]).name == "phone"
    assert ring.caller(bearer("k" * 32)).name == "fixed"
    keys.revoke(file, "phone", now=NOW)
    with pytest.raises(CloudUnauthenticated):
        ring.caller(bearer(key))


def test_a_keys_file_that_breaks_changes_nobodys_rights(file: Path) -> None:
    key = keys.create(file, "phone", now=NOW)
    ring = KeyRing([], clock=ManualClock(NOW), file=file, allow_anonymous=False)
    file.write_text("broken")
    assert ring.caller(bearer(key)).name == "phone"
    with pytest.raises(ConfigError):
        KeyRing([], clock=ManualClock(NOW), file=file, allow_anonymous=False)
    file.unlink()
    with pytest.raises(CloudUnauthenticated):
        ring.caller(bearer(key))


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("authorization", "")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer ")],
        [("authorization", "Bearer wrong")],
        [("authorization", f"Basic {'k' * 32}")],
        [("authorization", "k" * 32)],
        [("authorization", f"Bearer {'k' * 31}")],
        [("x-api-key", "k" * 32)],
    ],
)
def test_everybody_else_stays_outside(metadata: list[tuple[str, str | bytes]]) -> None:
    ring = KeyRing([FIXED], clock=ManualClock(NOW), file=None, allow_anonymous=False)
    with pytest.raises(CloudUnauthenticated) as refused:
        ring.caller(metadata)
    assert "kkk" not in str(refused.value)


def test_anonymous_callers_only_where_that_is_wanted_and_never_with_a_wrong_key() -> None:
    ring = KeyRing([], clock=ManualClock(NOW), file=None, allow_anonymous=True)
    assert ring.caller([]) == ANONYMOUS
    with pytest.raises(CloudUnauthenticated):
        ring.caller(bearer("wrong"))
