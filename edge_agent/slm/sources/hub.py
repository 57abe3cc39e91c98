"""Weights on a model hub, through huggingface_hub; `HF_ENDPOINT`, its token and its offline switch are honoured."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Self, TypeVar

from edge_agent.slm.catalog import HubEntry, Original
from edge_agent.slm.checksum import sha256_of
from edge_agent.slm.progress import Advance, Progress
from orchestrator.errors import DownloadFailed, ModelCorrupt

#: How long the hub may take to say that it is there. A firewall that drops packets, or a resolver without a network,
#: would hold us for minutes: each address of a host gets a timeout of its own.
PATIENCE_S = 4.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file in a repository, at one commit.

    Attributes:
        sha256: as the hub states it: of large files only, None for the small ones that Git itself stores.
        commit: the full commit id.
    """

    repo: str
    path: str
    commit: str
    bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Repository:
    """What a repository says of itself."""

    name: str
    licence: str
    files: tuple[HubFile, ...]


def fetch(entry: HubEntry, original: Original, folder: Path, progress: Progress) -> Path:
    """Bring a file of the catalog, going on where a killed try stopped.

    Raises:
        DownloadFailed: the hub cannot be reached, or no longer has the file.
        ModelCorrupt: the hub has another file there than the catalog knows.
        OSError: `folder` cannot be written.
    """
    file = describe(entry.repo, entry.file, revision=entry.revision)
    if file.bytes != original.bytes or file.sha256 not in (None, original.sha256):
        raise ModelCorrupt(f"the hub's {entry.repo}/{entry.file} is not the file that the catalog knows")
    return bring(file, folder / original.file, progress)


def bring(file: HubFile, target: Path, progress: Progress) -> Path:
    """Bring one file to `target`, unless an earlier try did, and check it against what the hub says of it.

    Raises:
        DownloadFailed: the hub cannot be reached.
        ModelCorrupt: what came is not what the hub says that it is.
        OSError: the disk is full or may not be written.
    """
    if not target.is_file():
        with progress.task(f"downloading {target.name}", file.bytes) as advance:
            _download(file, target, advance)
    if target.stat().st_size != file.bytes or (file.sha256 and sha256_of(target) != file.sha256):
        target.unlink()
        raise ModelCorrupt(f"{file.path} arrived damaged from the hub", remedy="Try again")
    return target


def describe(repo: str, path: str, *, revision: str = "main") -> HubFile:
    """Ask for one file's size and hash, within `PATIENCE_S`.

    Raises:
        DownloadFailed: the hub cannot be reached, or has no such file.
    """
    hub = _library()
    with _explained(f"{repo}/{path}"):
        url = hub.hf_hub_url(repo, path, revision=revision, endpoint=_endpoint())
        answer = _soon(lambda: hub.get_hf_file_metadata(url, timeout=PATIENCE_S, endpoint=_endpoint()))
    if answer.commit_hash is None or answer.size is None:
        raise DownloadFailed(f"what answered for {repo}/{path} is not a model hub", remedy="Check HF_ENDPOINT")
    return HubFile(repo, path, answer.commit_hash, answer.size, _as_sha256(answer.etag))


def browse(repo: str) -> Repository:
    """All files of a repository's main branch, and its licence.

    Raises:
        DownloadFailed: the hub cannot be reached, or has no such repository.
    """
    hub = _library()
    with _explained(repo):
        api = hub.HfApi(endpoint=_endpoint())
        info = _soon(lambda: api.model_info(repo, files_metadata=True, timeout=PATIENCE_S))
    files = tuple(
        HubFile(repo, file.rfilename, str(info.sha), file.size or 0, file.lfs.sha256 if file.lfs else None)
        for file in info.siblings or ()
    )
    licence = (info.card_data or {}).get("license") or "not stated"
    return Repository(repo, str(licence), files)


def _download(file: HubFile, target: Path, advance: Advance) -> None:
    """Ask for what an earlier try did not bring.

    huggingface_hub's own `hf_hub_download` starts again after a kill; its `http_get` can go on.
    """
    hub = _library()
    torn = target.with_name(f"{target.name}.{file.sha256 or file.commit}.torn")
    target.parent.mkdir(parents=True, exist_ok=True)
    with torn.open("ab") as stream:
        if stream.tell() > file.bytes:
            stream.truncate(0)
        start = stream.tell()
        advance(start)
        with _explained(f"{file.repo}/{file.path}"):
            hub.file_download.http_get(
                hub.hf_hub_url(file.repo, file.path, revision=file.commit, endpoint=_endpoint()),
                stream,
                resume_size=start,
                headers=hub.utils.build_hf_headers(),
                expected_size=file.bytes,
                tqdm_class=partial(_Bar, advance),
            )
    torn.replace(target)


class _Bar:
    """What huggingface_hub takes for a progress bar."""

    def __init__(self, advance: Advance, *, initial: int = 0, **_: object) -> None:
        self._advance, self._done = advance, initial

    def update(self, n_bytes: int) -> None:
        self._done += n_bytes
        self._advance(self._done)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _library() -> ModuleType:
    # Read when it is imported. Without it, each request would first ask the hub for a registry of user agents.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    import huggingface_hub.errors
    import huggingface_hub.file_download
    import huggingface_hub.utils

    return huggingface_hub


def _endpoint() -> str | None:
    """Asked for each time: huggingface_hub itself reads it only when it is first imported."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None


def _as_sha256(etag: str | None) -> str | None:
    """A large file's etag on the hub is its SHA-256; a small one's is a Git blob id."""
    return etag if etag and re.fullmatch(r"[0-9a-f]{64}", etag) else None


def _soon(call: Callable[[], T]) -> T:
    """The result of `call` if it comes in `PATIENCE_S`; a call that hangs is left behind on its own thread.

    Raises:
        TimeoutError: it did not come.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="hub", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError
    return results[0]


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn the library's errors into ours."""
    errors = _library().errors
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise DownloadFailed("the hub is switched off", remedy="Unset HF_HUB_OFFLINE") from error
    except errors.HfHubHTTPError as error:
        raise _refusal(error.response.status_code, what) from error
    except (errors.HFValidationError, errors.FileMetadataError) as error:
        raise DownloadFailed(f"{what} is not on the hub", remedy="Check the name") from error
    except (errors.HTTPError, TimeoutError) as error:
        raise DownloadFailed("the hub is unreachable", remedy="Check the network connection") from error
    except OSError as error:
        if error.errno is not None:
            raise  # of the disk
        raise DownloadFailed(f"{what} came shorter or longer than the hub said", remedy="Try again") from error


def _refusal(status: int, what: str) -> DownloadFailed:
    if status in (401, 403):
        return DownloadFailed(f"the hub keeps {what} for those it knows", remedy="Log in: hf auth login")
    if status == 404:
        return DownloadFailed(f"the hub has no {what}", remedy="Check the name")
    return DownloadFailed(f"the hub answered {status} for {what}", remedy="Try again later")
