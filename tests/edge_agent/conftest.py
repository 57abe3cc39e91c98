"""A tiny model as the sources deliver one: a GGUF file, wheels that carry it, a hub that serves it."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from edge_agent.slm.convert.synthetic import random_weights, tiny_config, write_synthetic_model
from edge_agent.slm.convert.synthetic_gguf import write_gguf

COMMIT = "c0ffee" + "0" * 34


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama file of 300 tokens with random weights; about 100 kB."""
    config = tiny_config()
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    fields = {"general.license": "MIT", "tokenizer.ggml.pre": "smollm"}
    return write_gguf(path, config, random_weights(config, np.random.default_rng(5)), fields=fields)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights, installed."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_synthetic_model(folder)
    return folder


@pytest.fixture
def edgewise_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, no hub within reach, and a pip that knows only the folder `wheels` in it."""
    home = tmp_path / "home"
    (home / "wheels").mkdir(parents=True)
    settings = {
        "EDGEWISE_HOME": str(home),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(home / "huggingface"),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(home / "wheels"),
        "PIP_RETRIES": "0",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("EDGEWISE_MODELS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return home


@dataclass
class Told:
    """A `Progress` that remembers."""

    notes: list[str] = field(default_factory=list)
    tasks: dict[str, list[int]] = field(default_factory=dict)

    def note(self, line: str) -> None:
        self.notes.append(line)

    def task(self, label: str, total: int, *, in_bytes: bool = True) -> Any:
        from contextlib import nullcontext

        steps = self.tasks.setdefault(label, [])
        return nullcontext(steps.append)


@pytest.fixture
def told() -> Told:
    """What was told of the progress."""
    return Told()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def make_wheel(edgewise_home: Path) -> Callable[..., dict[str, Any]]:
    """Put a wheel that carries some bytes where pip finds it: its catalog entry."""

    def make(package: str, content: bytes, *, member: str = "data/part.bin") -> dict[str, Any]:
        stem = package.replace("-", "_")
        path = edgewise_home / "wheels" / f"{stem}-1.0-py3-none-any.whl"
        info = f"{stem}-1.0.dist-info"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}/{member}", content)
            # The dependency does not exist: a pull that asked for it would fail.
            metadata = (
                f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\nRequires-Dist: there-is-no-such-package\n"
            )
            archive.writestr(f"{info}/METADATA", metadata)
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        return {
            "package": package,
            "version": "1.0",
            "bytes": path.stat().st_size,
            "sha256": sha256(path.read_bytes()),
            "member": f"{stem}/{member}",
            "member_bytes": len(content),
        }

    return make


@pytest.fixture
def add_model(edgewise_home: Path, tiny_gguf: Path) -> Callable[..., None]:
    """Write an entry for the tiny model, with the given sources, into the user's catalog."""

    def add(*sources: dict[str, Any], name: str = "tiny-chat", content: bytes | None = None, **more: Any) -> None:
        content = tiny_gguf.read_bytes() if content is None else content
        entry = {
            "title": "A tiny model",
            "publisher": "nobody",
            "licence": "MIT",
            "context_tokens": 512,
            "recipe": "q8",
            "installed_bytes": 300_000,
            "original": {"file": f"{name}.gguf", "bytes": len(content), "sha256": sha256(content)},
            "sources": list(sources),
            **more,
        }
        file = edgewise_home / "catalog.yaml"
        models = yaml.safe_load(file.read_text())["models"] if file.exists() else {}
        file.write_text(yaml.safe_dump({"models": {**models, name: entry}}))

    return add


@pytest.fixture
def from_path(add_model: Callable[..., None], tiny_gguf: Path) -> str:
    """A catalogued model whose only source is a file here."""
    add_model({"kind": "path", "path": str(tiny_gguf)})
    return "tiny-chat"


@pytest.fixture
def two_wheels(add_model: Callable[..., None], make_wheel: Callable[..., dict[str, Any]], tiny_gguf: Path) -> str:
    """A catalogued model on a hub that is out of reach, and in two wheels."""
    content = tiny_gguf.read_bytes()
    parts = [make_wheel("tiny-part1", content[:50_000]), make_wheel("tiny-part2", content[50_000:])]
    hub = {"kind": "hub", "repo": "lab/tiny", "revision": "main", "file": "tiny.gguf"}
    add_model(hub, {"kind": "wheel", "parts": parts})
    return "tiny-chat"


@dataclass
class Hub:
    """A model hub on this machine: the few endpoints that huggingface_hub asks for.

    Attributes:
        files: content by `owner/name/path`.
        lies: what it says the SHA-256 of a file is, where that is not true.
        asked: every request, as method, path and Range header.
        cut: after how many bytes of a body the connection breaks; each entry is used once.
        before_get: called before a body is sent.
        status: what every request is answered with, where it is not 200.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    lies: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    before_get: Callable[[], None] = lambda: None
    status: int = 200

    def entry(self, path: str, content: bytes) -> dict[str, Any]:
        """Serve a file of the repository `lab/tiny`: its catalog entry."""
        self.files[f"lab/tiny/{path}"] = content
        return {"kind": "hub", "repo": "lab/tiny", "revision": COMMIT, "file": path}

    def gets(self) -> list[str]:
        """The Range headers of the bodies that were asked for."""
        return [asked_range for method, path, asked_range in self.asked if method == "GET" and "/resolve/" in path]


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        asked_range = self.headers.get("Range", "")
        self.hub.asked.append((self.command, self.path, asked_range))
        if self.hub.status != 200:
            self._send(self.hub.status, {}, b"")
        elif listing := re.fullmatch(r"/api/models/(\w+/\w+)(\?.*)?", self.path):
            self._send(200, {"Content-Type": "application/json"}, self._listing(listing[1]))
        elif found := re.fullmatch(r"/(\w+/\w+)/resolve/\w+/(.+)", self.path):
            self._file(f"{found[1]}/{found[2]}", asked_range, body=body)
        else:
            self._send(404, {}, b"")

    def _listing(self, repo: str) -> bytes:
        files = {path.removeprefix(f"{repo}/"): data for path, data in self.hub.files.items() if path.startswith(repo)}
        siblings = [
            {
                "rfilename": path,
                "size": len(data),
                "blobId": "0" * 40,
                **(
                    {"lfs": {"sha256": self._hash(f"{repo}/{path}"), "size": len(data), "pointerSize": 130}}
                    if _large(path)
                    else {}
                ),
            }
            for path, data in files.items()
        ]
        return json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings, "cardData": {"license": "mit"}}).encode()

    def _hash(self, key: str) -> str:
        return self.hub.lies.get(key) or sha256(self.hub.files[key])

    def _file(self, key: str, asked_range: str, *, body: bool) -> None:
        if key not in self.hub.files:
            self._send(404, {"X-Repo-Commit": COMMIT, "X-Error-Code": "EntryNotFound"}, b"")
            return
        content = self.hub.files[key]
        tag = self._hash(key) if _large(key) else "0" * 40
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"', "X-Linked-Size": str(len(content))}
        if not body:
            self._send(200, headers, b"", length=len(content))
            return
        self.hub.before_get()
        start = int(asked_range.removeprefix("bytes=").rstrip("-")) if asked_range else 0
        if asked_range:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        rest = content[start:]
        cut = self.hub.cut.pop(0) if self.hub.cut else len(rest)
        self._send(206 if asked_range else 200, headers, rest[:cut], length=len(rest))

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content) if length is None else length)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _large(path: str) -> bool:
    return path.endswith((".gguf", ".onnx", ".data"))


@pytest.fixture
def hub(edgewise_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that is up, and that `HF_ENDPOINT` names."""
    served = Hub()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": served}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
