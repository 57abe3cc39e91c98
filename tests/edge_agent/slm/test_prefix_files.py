"""A saved prompt comes back whole or not at all, whatever happened to its file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.slm.cache_layout import CacheLayout
from edge_agent.slm.prefix_files import PrefixFiles, saved_in
from edge_agent.slm.system_prompt import SystemPrompt, system_prompt
from orchestrator.types import Message

LAYOUT = CacheLayout(arrays=4, kv_heads=2, head_dim=3, dtype=np.dtype(np.float32))
PLENTY = 1 << 30


def prompt(length: int = 20, seed: int = 1) -> SystemPrompt:
    tokens = np.random.default_rng(seed).integers(0, 50_000, length).tolist()
    made = system_prompt([Message("user", "")], tokens, lambda _: tokens)
    assert made is not None
    return made


def kv_of(system: SystemPrompt, layout: CacheLayout = LAYOUT) -> NDArray[np.floating]:
    shape = layout.shape(len(system.tokens))
    return np.random.default_rng(sum(system.tokens)).normal(size=shape).astype(layout.dtype)


def files(
    folder: Path, *, identity: str = "ours", layout: CacheLayout = LAYOUT, max_bytes: int = PLENTY
) -> PrefixFiles:
    return PrefixFiles(folder, identity=identity, layout=layout, max_bytes=max_bytes)


def save(folder: Path, system: SystemPrompt, *, max_bytes: int = PLENTY) -> Path:
    """Save a prompt and say where."""
    before = set(folder.glob("*"))
    files(folder, max_bytes=max_bytes).save(system, lambda: kv_of(system))
    (new,) = set(folder.glob("*")) - before
    return new


class TestRoundTrip:
    @pytest.mark.parametrize("dtype", ["float16", "float32"])
    def test_bit_for_bit(self, tmp_path: Path, dtype: str) -> None:
        layout = CacheLayout(arrays=6, kv_heads=2, head_dim=4, dtype=np.dtype(dtype))
        files(tmp_path, layout=layout).save(prompt(), lambda: kv_of(prompt(), layout))
        loaded = files(tmp_path, layout=layout).load(prompt())
        assert loaded is not None
        assert loaded.dtype == layout.dtype
        assert loaded.tobytes() == kv_of(prompt(), layout).tobytes()

    def test_nothing_saved_is_nothing_found(self, tmp_path: Path) -> None:
        assert files(tmp_path / "never made").load(prompt()) is None

    def test_a_prompt_is_written_once(self, tmp_path: Path) -> None:
        one = files(tmp_path)
        one.save(prompt(), lambda: kv_of(prompt()))
        one.save(prompt(), _unread)
        another = files(tmp_path)
        assert another.load(prompt()) is not None
        another.save(prompt(), _unread)

    @pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX")
    def test_only_this_user_can_read_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        files(folder).save(prompt(), lambda: kv_of(prompt()))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]


class TestForeign:
    @pytest.mark.parametrize(
        "other",
        [
            {"identity": "another model"},
            {"layout": CacheLayout(arrays=4, kv_heads=2, head_dim=3, dtype=np.dtype(np.float16))},
            {"layout": CacheLayout(arrays=4, kv_heads=3, head_dim=2, dtype=np.dtype(np.float32))},
        ],
    )
    def test_another_models_file_is_not_found_nor_taken(self, tmp_path: Path, other: dict[str, object]) -> None:
        theirs = save(tmp_path, prompt())
        ours = files(tmp_path, **other)  # type: ignore[arg-type]
        assert ours.load(prompt()) is None
        assert theirs.exists()

    def test_a_file_under_a_wrong_name_is_dropped(self, tmp_path: Path) -> None:
        ours, theirs = save(tmp_path, prompt(seed=1)), save(tmp_path, prompt(seed=2))
        os.replace(theirs, ours)
        assert files(tmp_path).load(prompt(seed=1)) is None
        assert not ours.exists()

    def test_an_archive_that_is_not_ours_is_dropped(self, tmp_path: Path) -> None:
        path = save(tmp_path, prompt())
        np.savez(path, other=np.zeros(3))
        assert files(tmp_path).load(prompt()) is None
        assert not path.exists()


class TestDamage:
    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.data())
    def test_a_flipped_bit_is_found_out_or_does_no_harm(self, tmp_path: Path, data: st.DataObject) -> None:
        system = prompt()
        path = next(tmp_path.glob("*"), None) or save(tmp_path, system)
        whole = path.read_bytes()
        at, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        loaded = files(tmp_path).load(system)
        assert loaded is None or loaded.tobytes() == kv_of(system).tobytes()
        assert (loaded is None) == (not path.exists())
        path.write_bytes(whole)

    @settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(share=st.floats(0, 0.999))
    def test_a_file_cut_short_is_dropped(self, tmp_path: Path, share: float) -> None:
        path = next(tmp_path.glob("*"), None) or save(tmp_path, prompt())
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        assert files(tmp_path).load(prompt()) is None
        assert not path.exists()
        path.write_bytes(whole)

    def test_a_damaged_file_is_replaced(self, tmp_path: Path) -> None:
        path = save(tmp_path, prompt())
        path.write_bytes(b"PK\x03\x04 and then nothing")
        second = files(tmp_path)
        assert second.load(prompt()) is None
        second.save(prompt(), lambda: kv_of(prompt()))
        assert files(tmp_path).load(prompt()) is not None

    def test_a_folder_in_the_place_of_a_file_is_survived(self, tmp_path: Path) -> None:
        path = save(tmp_path, prompt())
        path.unlink()
        path.mkdir()
        second = files(tmp_path)
        assert second.load(prompt()) is None
        second.save(prompt(), lambda: kv_of(prompt()))
        assert second.load(prompt()) is None


class TestTrouble:
    def test_a_place_that_cannot_be_written_is_no_trouble(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        blocked = files(tmp_path / "file" / "cache")
        blocked.save(prompt(), lambda: kv_of(prompt()))
        assert blocked.load(prompt()) is None
        assert not saved_in(tmp_path / "file" / "cache").writable

    def test_a_full_disk_is_tried_once_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(np, "savez", full)
        ours = files(tmp_path)
        with caplog.at_level("INFO"):
            ours.save(prompt(), lambda: kv_of(prompt()))
            ours.save(prompt(), _unread)
        assert "No space left" in caplog.text
        assert not list(tmp_path.iterdir())


class TestBound:
    def test_what_was_used_least_recently_makes_room(self, tmp_path: Path) -> None:
        each = save(tmp_path / "elsewhere", prompt(seed=0)).stat().st_size
        room = 3 * each + 4096
        paths = [save(tmp_path, prompt(seed=seed), max_bytes=room) for seed in range(3)]
        for age, path in enumerate(reversed(paths)):
            os.utime(path, (1000 - age, 1000 - age))
        assert files(tmp_path).load(prompt(seed=0)) is not None
        files(tmp_path, max_bytes=room).save(prompt(seed=3), lambda: kv_of(prompt(seed=3)))
        assert [path.exists() for path in paths] == [True, False, True]
        assert saved_in(tmp_path).bytes <= room

    def test_a_prompt_beyond_the_bound_is_not_saved(self, tmp_path: Path) -> None:
        files(tmp_path, max_bytes=LAYOUT.bytes_per_token * 20).save(prompt(20), _unread)
        assert saved_in(tmp_path).prompts == 0

    def test_what_a_killed_process_left_counts_and_goes(self, tmp_path: Path) -> None:
        left = tmp_path / "0123.abc.tmp"
        left.write_bytes(bytes(50_000))
        os.utime(left, (1, 1))
        save(tmp_path, prompt(), max_bytes=50_000)
        assert not left.exists()


def test_a_folder_tells_what_is_in_it(tmp_path: Path) -> None:
    assert saved_in(tmp_path / "not" / "yet").prompts == 0
    path = save(tmp_path, prompt())
    found = saved_in(tmp_path)
    assert (found.prompts, found.bytes, found.writable) == (1, path.stat().st_size, True)


def _unread() -> NDArray[np.floating]:
    raise AssertionError("nothing is to be saved")
