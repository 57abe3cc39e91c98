"""Off means off: `--local-only`, and the configuration's lock, open no socket; and nothing connects unasked.

The proof is the kernel's: a seccomp filter ends the process at its first socket (`confined`), whatever library asks for
it, and an empty network namespace has nowhere to go. An audit hook sees less, works everywhere, and tells the place.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from edge_agent.demo.play import household
from edge_agent.home import models_dir
from tests.e2e.confined import ARCHITECTURES

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = str(Path(sys.executable).with_name("edgewise"))
EMPTY_NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]
NOBODY = "127.0.0.1:9"
QUESTION = "What is the capital of France?"
SIGSYS = -31

WATCHED = """
import json, os, sys, traceback
def hook(event, arguments):
    if not event.startswith("socket.") or event == "socket.gethostname":
        return
    if event == "socket.__new__" and arguments[1] == 1:
        return  # AF_UNIX: the pair by which asyncio's loop wakes itself
    traceback.print_stack()
    os._exit(77)
sys.addaudithook(hook)
from edge_agent.cli import app
from orchestrator.errors import EdgewiseError
for words in json.loads(sys.argv[1]):
    print("edgewise", *words, file=sys.stderr, flush=True)
    try:
        app(words, standalone_mode=False)
    except EdgewiseError as error:
        print(error, flush=True)
"""
"""Commands in one process, under an audit hook that ends it where it asks Python for a network.

What was ended, by the hook or by the kernel, is the last command on its standard error.
"""

COMMANDS = [
    ["context", "import", str(household() / "notes")],
    ["context", "add", "The bicycle is green"],
    ["context", "search", "cabin"],
    ["context", "list"],
    ["context", "stats"],
    ["context", "embed"],
    ["context", "export"],
    ["models", "list"],
    ["doctor"],
    ["ask", QUESTION],
    ["why"],
    ["egress", "list"],
    ["egress", "verify"],
    ["ledger"],
    ["report", "--out", os.devnull],
    ["mcp", "--log"],
    ["egress", "list"],
    ["egress", "verify"],
]
CONTRADICTION = "local-only and the route cloud contradict each other"

pytestmark = pytest.mark.model


def run(
    environment: dict[str, str], *command: str, typed: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """A process in the folder of the project, ended well unless `check` is False."""
    done = subprocess.run(command, env=environment, input=typed, capture_output=True, text=True, check=False, cwd=ROOT)
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stderr}"
    return done


@pytest.fixture
def home(smollm2: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a user with an empty home, the models, and no way to the cloud."""
    own = {"EDGEWISE_HOME": str(tmp_path), "EDGEWISE_MODELS": str(models_dir()), "EDGEWISE_MODEL__THREADS": "1"}
    return {name: value for name, value in os.environ.items() if not name.startswith("EDGEWISE_")} | own


@pytest.fixture
def reachable(home: dict[str, str]) -> dict[str, str]:
    """The same with a gateway and a collector of traces configured, where nobody answers."""
    collector = {"EDGEWISE_TELEMETRY__OTLP_ENDPOINT": f"http://{NOBODY}"}
    return {**home, **collector, "EDGEWISE_CLOUD__TARGET": NOBODY, "EDGEWISE_CLOUD__API_KEY": "a-key"}


@pytest.fixture(scope="module")
def confined() -> list[str]:
    """What stands before a command that the kernel ends at its first socket, if this machine can do that."""
    before = [sys.executable, "-m", "tests.e2e.confined"]
    can = sys.platform == "linux" and platform.machine() in ARCHITECTURES
    return before if can and subprocess.run([*before, "true"], capture_output=True, cwd=ROOT).returncode == 0 else []


def test_the_kernel_ends_what_reaches_for_a_network(home: dict[str, str], confined: list[str]) -> None:
    """So that the tests after this one can fail."""
    if not confined:
        pytest.skip("needs seccomp, of Linux")
    opening = "import socket; socket.socket(socket.AF_INET)"
    connecting = f"{opening}.connect(('127.0.0.1', 9))"
    assert run(home, *confined, sys.executable, "-c", opening, check=False).returncode == SIGSYS
    assert run(home, *confined, "--listens", sys.executable, "-c", opening).returncode == 0
    assert run(home, *confined, "--listens", sys.executable, "-c", connecting, check=False).returncode == SIGSYS


@pytest.fixture(scope="module")
def nowhere() -> list[str]:
    """What stands before a command that is to run in an empty network namespace, if this machine can do that."""
    can = shutil.which("unshare") and subprocess.run([*EMPTY_NAMESPACE, "true"], capture_output=True).returncode == 0
    return EMPTY_NAMESPACE if can else []


def test_in_an_empty_network_namespace_not_even_this_machine_is_there(home: dict[str, str], nowhere: list[str]) -> None:
    if not nowhere:
        pytest.skip("this machine does not let its users make network namespaces")
    reach = "import socket; print(socket.socket().connect_ex(('127.0.0.1', 9)))"
    assert int(run(home, *nowhere, sys.executable, "-c", reach).stdout) == errno.ENETUNREACH


def test_no_command_opens_a_socket_with_local_only(reachable: dict[str, str], confined: list[str]) -> None:
    """The flag, and then the lock in the configuration, which no flag undoes."""
    lock = Path(reachable["EDGEWISE_HOME"]) / "agent.yaml"
    lock.write_text("local_only: true\n", encoding="utf-8")
    unlocked = str(lock.with_name("unlocked.yaml"))
    Path(unlocked).write_text("local_only: false\n", encoding="utf-8")
    commands = [
        ["chat", "--local-only", "--config", unlocked],
        *COMMANDS,
        ["ask", "--route", "cloud", QUESTION],
        ["models", "pull", "smollm2-135m-instruct", "--again"],
        ["demo"],
    ]
    typed = f"{QUESTION}\n/cloud\n{QUESTION}\n/quit\n"
    done = run(reachable, *confined, sys.executable, "-c", WATCHED, json.dumps(commands), typed=typed)
    assert done.stdout.count("Paris") >= 2
    assert CONTRADICTION in done.stderr, "chat says so on its standard error"
    refusals = [
        line for line in done.stdout.splitlines() if "no socket is opened, and" in line or CONTRADICTION in line
    ]
    assert len(refusals) == 3


def test_nothing_connects_where_nothing_is_configured(
    home: dict[str, str], confined: list[str], nowhere: list[str]
) -> None:
    """No telemetry and no look for updates: without a gateway the same holds with no lock.

    And with one, `--local-only` answers where no network is.
    """
    gateway = Path(home["EDGEWISE_HOME"]) / "gateway.yaml"
    gateway.write_text(f'cloud: {{target: "{NOBODY}", api_key: a-key}}\n', encoding="utf-8")
    commands = [words for words in COMMANDS if words[0] in ("doctor", "ask") or "import" in words]
    commands.append(["ask", "--local-only", "--json", "--config", str(gateway), QUESTION])
    done = run(home, *nowhere, *confined, sys.executable, "-c", WATCHED, json.dumps(commands))
    assert done.stdout.count("Paris") == 2
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (answer["route"], answer["egress"]["sent"]) == ("local", False)


def test_serve_waits_for_others_and_goes_to_nobody(reachable: dict[str, str], confined: list[str]) -> None:
    if not confined:
        pytest.skip("needs seccomp, of Linux")
    command = [*confined, "--listens", PROGRAM, "serve", "--local-only", "--port", "0"]
    with subprocess.Popen(command, env=reachable, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            address = child.stdout.readline().split()[-1]
            body = {"messages": [{"role": "user", "content": QUESTION}], "max_tokens": 24}
            answer = httpx.post(f"{address}/v1/chat/completions", json={"model": "edgewise", **body}).json()
            assert httpx.get(address).status_code == 200
        finally:
            child.terminate()
    assert "Paris" in answer["choices"][0]["message"]["content"], answer
    assert child.returncode == 0


def test_only_the_configured_gateway_is_connected_to(reachable: dict[str, str], tmp_path: Path) -> None:
    """gRPC's core in front of a gateway that is not there, watched from outside."""
    trace = tmp_path / "trace"
    watched = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmmsg", "-o", str(trace)]
    if shutil.which("strace") is None or run(reachable, *watched, "true", check=False).returncode != 0:
        pytest.skip("needs strace, and the right to trace")
    run(reachable, *watched, PROGRAM, "doctor")
    lines = [line for line in trace.read_text(encoding="utf-8").splitlines() if "sa_family" in line]
    assert lines
    address = re.compile(r'port=htons\(9\).*"(::ffff:)?127\.0\.0\.1"|port=htons\(9\).*inet_addr\("127\.0\.0\.1"\)')
    assert not [line for line in lines if not address.search(line)]
