"""The official client, unchanged, against a real server on a real socket, with a tiny random model behind it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
import yaml
from openai.types.chat import ChatCompletionMessageParam

from edge_agent.slm.convert.synthetic import write_synthetic_model

KEY = "a-key-for-tests"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


class Running:
    """`edgewise serve` as a process."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = Path(sys.executable).with_name("edgewise")
        environment = {**os.environ, "EDGEWISE_HOME": str(folder), "SERVE_KEY": KEY}
        self.child = subprocess.Popen(
            [str(program), "serve", "--port", "0", "--config", str(folder / "agent.yaml"), *options],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.url = line.removeprefix("listening on ").strip()

    def end(self, with_signal: int = signal.SIGTERM) -> int:
        self.child.send_signal(with_signal)
        self.child.communicate(timeout=60)
        return self.child.returncode


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    write_synthetic_model(home / "tiny")
    (home / "agent.yaml").write_text(
        yaml.safe_dump({"model": {"name": str(home / "tiny")}, "answer": {"max_tokens": 12}})
    )
    return home


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Running]:
    running = Running(folder)
    yield running
    assert running.end() == 0


@pytest.fixture
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def test_a_completion_and_a_stream_say_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="edgewise", messages=HELLO, max_tokens=8)
    assert whole.choices[0].finish_reason in ("stop", "length")
    assert whole.usage is not None
    assert whole.usage.completion_tokens <= 8
    chunks = list(
        client.chat.completions.create(
            model="edgewise",
            messages=HELLO,
            max_tokens=8,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


def test_the_receipt_comes_along(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(
        model="edgewise",
        messages=HELLO,
        extra_body={"edgewise": {"local_only": True}},
    )
    receipt = whole.model_extra["edgewise"] if whole.model_extra else {}
    assert receipt["route"] == "local"
    assert receipt["egress"]["sent"] is False
    assert receipt["energy"]["source"] in ("modelled", "rapl")


@pytest.mark.anyio
async def test_the_async_client_works_too(server: Running) -> None:
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        stream = await client.chat.completions.create(model="edgewise", messages=HELLO, stream=True)
        assert [chunk async for chunk in stream]


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["edgewise", "tiny"]
    assert client.models.retrieve("tiny").id == "tiny"


def test_errors_arrive_as_the_clients_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="not served here"):
        client.chat.completions.create(model="gpt-9", messages=HELLO)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(model="edgewise", messages=HELLO, temperature=9)
    with pytest.raises(openai.BadRequestError, match="logprobs"):
        client.chat.completions.create(model="edgewise", messages=HELLO, logprobs=True)
    schema = {"type": "array", "uniqueItems": True}
    with pytest.raises(openai.BadRequestError, match="uniqueItems") as caught:
        client.chat.completions.create(
            model="edgewise",
            messages=HELLO,
            response_format={"type": "json_schema", "json_schema": {"name": "set", "schema": schema}},
        )
    assert caught.value.param == "response_format"
    with pytest.raises(openai.RateLimitError, match="budget"):
        client.chat.completions.create(
            model="edgewise",
            messages=HELLO,
            extra_body={"edgewise": {"budget": {"device_joules": 0.0001}}},
        )


def test_a_client_that_leaves_stops_the_work(server: Running) -> None:
    body = {"model": "edgewise", "messages": HELLO, "max_tokens": 400, "stream": True}
    with httpx.Client() as http:
        with http.stream("POST", f"{server.url}/v1/chat/completions", json=body) as response:
            next(response.iter_lines())
        # The model serialises its answers: this one would wait for the whole of the other, were it not stopped.
        answer = http.post(
            f"{server.url}/v1/chat/completions", json={"model": "edgewise", "messages": HELLO}, timeout=60
        )
        assert answer.status_code == 200
        decisions = http.get(f"{server.url}/api/status").json()["decisions"]
    assert any(row.get("error", {}).get("type") == "cancelled" for row in decisions)


def test_the_dashboard_holds_no_word_of_the_user(server: Running, client: openai.OpenAI) -> None:
    secret: list[ChatCompletionMessageParam] = [{"role": "user", "content": "marmalade-4711"}]
    client.chat.completions.create(model="edgewise", messages=secret)
    page, status = httpx.get(server.url), httpx.get(f"{server.url}/api/status")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "marmalade" not in status.text
    assert {"model", "link", "windows", "decisions"} <= status.json().keys()
    assert httpx.get(f"{server.url}/health").json()["status"] == "ok"


def test_a_page_elsewhere_cannot_ask(server: Running) -> None:
    assert httpx.get(f"{server.url}/api/status", headers={"host": "evil.example"}).status_code == 400
    assert httpx.get(f"{server.url}/api/status", headers={"origin": "http://evil.example"}).status_code == 403


def test_a_key_is_asked_for_where_one_is_set(folder: Path) -> None:
    running = Running(folder, "--api-key-env", "SERVE_KEY")
    try:
        wrong = openai.OpenAI(base_url=f"{running.url}/v1", api_key="wrong", max_retries=0)
        with wrong, pytest.raises(openai.AuthenticationError):
            wrong.models.list()
        with openai.OpenAI(base_url=f"{running.url}/v1", api_key=KEY, max_retries=0) as right:
            assert right.models.list().data
    finally:
        assert running.end(signal.SIGINT) == 0


def test_a_taken_port_is_one_line(folder: Path) -> None:
    program = Path(sys.executable).with_name("edgewise")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [str(program), "serve", "--port", port, "--config", str(folder / "agent.yaml")],
            env={**os.environ, "EDGEWISE_HOME": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot listen on 127.0.0.1 port")
    assert done.stderr.count("\n") == 1
