"""The main job as its user does it: real processes, real models, a real gateway, and a kill in mid-answer.

The cloud model is the same small one as the device's, behind `edgewise serve`: what is tested is the way of an answer,
not its wit. The whole `edgewise demo` with the larger model is what `make demo` runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from edge_agent.agent import AsyncAgent
from edge_agent.config import CloudSection, Config
from edge_agent.demo.play import household
from edge_agent.demo.stage import Cloud, cloud_side
from edge_agent.home import models_dir
from edge_agent.journal import StoredDecision
from edge_agent.sections.handoff import HandoffSection
from edge_agent.slm.progress import Quiet
from orchestrator.link import Link
from orchestrator.patience import Patience
from orchestrator.routing.replay import replay
from orchestrator.types import Answer, Piece, Route, RoutePreference, Sampling

pytestmark = pytest.mark.model

SMALL = "smollm2-135m-instruct"
FIELDS = {
    "text": str,
    "route": str,
    "reason": str,
    "finish_reason": str,
    "decision_id": str,
    "model": str,
    "usage": {"prompt_tokens": int, "completion_tokens": int},
    "latency": {"first_token_ms": float, "total_ms": float},
    "energy": {
        "device_joules": float,
        "source": str,
        "uncertainty_joules": float,
        "joules_per_token": float,
        "cloud": {"joules": float, "source": str, "uncertainty_joules": float},
    },
    "cost_usd": float,
    "egress": {"sent": bool, "record_ids": list, "redactions": int},
}


@pytest.fixture(scope="module")
def cloud(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud model and a gateway, each a process."""
    with cloud_side(tmp_path_factory.mktemp("cloud"), Quiet(), model=SMALL) as running:
        yield running


@pytest.fixture
def home(smollm2: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a user with an empty home and the small model."""
    return {**os.environ, "EDGEWISE_HOME": str(tmp_path), "EDGEWISE_MODELS": str(models_dir())}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent in this process waits for its cloud as long as a busy machine takes."""
    monkeypatch.setattr("edge_agent.assembly.Link", partial(Link, patience_s=60))
    monkeypatch.setattr("orchestrator.engine.Patience", partial(Patience, first_token_s=60, between_tokens_s=60))


def edgewise(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("edgewise")
    return subprocess.run(
        [str(program), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def shape(value: object) -> object:
    return {name: shape(part) for name, part in value.items()} if isinstance(value, dict) else type(value)


def test_an_easy_question_is_answered_on_the_device(home: dict[str, str]) -> None:
    done = edgewise(home, "ask", "--json", "What do bees make?")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert shape(answer) == FIELDS
    assert answer["route"] == "local"
    assert "honey" in answer["text"].lower()
    assert not answer["egress"]["sent"]
    assert answer["energy"]["device_joules"] > 0
    assert edgewise(home, "why", answer["decision_id"]).returncode == 0
    energy, money = json.loads(edgewise(home, "ledger", "--json").stdout)
    assert energy["spent"] == pytest.approx(answer["energy"]["device_joules"], abs=0.001)
    assert (energy["reserved"], money["spent"]) == (0, 0)


def test_an_answer_fits_a_schema_from_a_file(home: dict[str, str], tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    file = tmp_path / "person.json"
    file.write_text(json.dumps(schema | {"required": ["name", "age"], "additionalProperties": False}))
    done = edgewise(home, "ask", "--json", "--schema", str(file), "Ann is 31. Her name and age?")
    assert json.loads(json.loads(done.stdout)["text"]) == {"name": "Ann", "age": 31}
    file.write_text('{"not": {}}')
    refused = edgewise(home, "ask", "--schema", str(file), "Anything?")
    assert refused.returncode != 0
    assert refused.stderr.count("\n") == 1
    assert '"not"' in refused.stderr
    missing = edgewise(home, "ask", "--schema", str(tmp_path / "none.json"), "Anything?")
    assert "none.json cannot be read: No such file" in missing.stderr


def test_a_record_is_quoted_with_its_date_on_the_device(home: dict[str, str]) -> None:
    imported = edgewise(home, "context", "import", str(household()))
    assert imported.returncode == 0, imported.stderr
    found = json.loads(edgewise(home, "context", "search", "dentist", "--json").stdout)
    dentist = next(record["id"] for record in found if record["title"] == "Dentist")
    answer = json.loads(edgewise(home, "ask", "--json", "When do I see the dentist?").stdout)
    assert answer["route"] == "local"
    assert "24 November" in answer["text"]
    assert dentist in answer["egress"]["record_ids"]
    assert not answer["egress"]["sent"]


def test_a_question_goes_to_the_cloud_when_asked_to(home: dict[str, str], cloud: Cloud) -> None:
    reach = {"EDGEWISE_CLOUD__TARGET": cloud.gateway.address, "EDGEWISE_CLOUD__API_KEY": cloud.api_key}
    answer = json.loads(edgewise({**home, **reach}, "ask", "--route", "cloud", "--json", "What do bees make?").stdout)
    assert shape(answer) == FIELDS
    assert (answer["route"], answer["egress"]["sent"]) == ("cloud", True)
    assert answer["cost_usd"] > 0
    locked = edgewise({**home, **reach}, "ask", "--local-only", "--json", "What do bees make?")
    assert json.loads(locked.stdout)["route"] == "local"


def test_a_wrong_key_costs_the_cloud_and_not_the_answer(home: dict[str, str], cloud: Cloud) -> None:
    reach = {"EDGEWISE_CLOUD__TARGET": cloud.gateway.address, "EDGEWISE_CLOUD__API_KEY": "wrong"}
    answer = json.loads(edgewise({**home, **reach}, "ask", "--route", "cloud", "--json", "Who wrote Hamlet?").stdout)
    assert (answer["route"], answer["egress"]["sent"]) == ("local", False)
    assert "key" in edgewise({**home, **reach}, "doctor").stdout


def test_no_answer_is_one_typed_error(home: dict[str, str]) -> None:
    done = edgewise(home, "ask", "--json", "--budget-joules", "0.001", "What do bees make?")
    assert done.returncode != 0
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "budget_exhausted"
    assert "J" in error["message"]


def test_ctrl_c_stops_at_once_and_cleanly(home: dict[str, str]) -> None:
    program = Path(sys.executable).with_name("edgewise")
    question = "Write a long story about a lighthouse keeper and his seven cats."
    with subprocess.Popen(
        [str(program), "ask", "--route", "local", question], env=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.read(8)
        child.send_signal(signal.SIGINT)
        _, complaints = child.communicate(timeout=30)
    assert child.returncode == 130
    assert b"Traceback" not in complaints
    energy = json.loads(edgewise(home, "ledger", "--json").stdout)[0]
    assert energy["reserved"] == 0
    assert energy["spent"] > 0


@pytest.mark.usefixtures("patient")
def test_an_answer_of_the_device_goes_on_in_the_cloud_in_mid_sentence(cloud: Cloud, tmp_path: Path) -> None:
    """Whatever its tokens say, by a floor that no model reaches: what is looked at is the joint and the bill."""
    config = Config(
        state=tmp_path,
        cloud=CloudSection(target=cloud.gateway.address, api_key=cloud.api_key),
        handoff=HandoffSection(least_logprob=0, window_tokens=8),
    )

    async def ask() -> tuple[list[Piece], Answer, list[float], StoredDecision]:
        async with (
            await AsyncAgent.open(config) as agent,
            agent.stream("Tell me about the moon.", sampling=Sampling(max_tokens=48)) as stream,
        ):
            pieces = [piece async for piece in stream]
            assert stream.answer is not None
            reserved = [window.reserved for window in await agent.windows()]
            return pieces, stream.answer, reserved, agent.parts.journal.decision(stream.answer.decision_id)

    pieces, answer, reserved, stored = asyncio.run(ask())
    at = next(at for at, piece in enumerate(pieces) if piece.route is Route.CLOUD)
    before, behind = ("".join(piece.text for piece in part) for part in (pieces[:at], pieces[at:]))
    assert (answer.text, answer.route) == (before + behind, Route.HANDOFF)
    assert before[-1].isspace()
    assert not behind[0].isspace()
    assert before.split()[-1] != behind.split()[0]
    assert answer.usd > 0
    assert answer.device_energy.joules > 0
    assert reserved == [0, 0]
    assert stored.decision is not None
    assert stored.answer is not None
    assert stored.answer.move == answer.move is not None
    assert replay(stored.decision, stored.situation, stored.answer.move).same_move


@pytest.mark.usefixtures("patient")
def test_a_gateway_killed_in_mid_answer_costs_no_answer(smollm2: Path, tmp_path: Path) -> None:
    question = "Explain in detail how a bicycle stays upright and why it leans into a curve."

    async def ask(cloud: Cloud) -> tuple[str, Answer]:
        config = Config(
            state=tmp_path / "agent", cloud=CloudSection(target=cloud.gateway.address, api_key=cloud.api_key)
        )
        async with (
            await AsyncAgent.open(config) as agent,
            agent.stream(question, route=RoutePreference.CLOUD, sampling=Sampling(max_tokens=96)) as stream,
        ):
            shown = ""
            before_the_kill = ""
            async for piece in stream:
                shown += piece.text
                if not before_the_kill and len(shown) > 60:
                    before_the_kill = shown
                    cloud.gateway.kill()
            assert stream.answer is not None
            assert shown == stream.answer.text
            return before_the_kill, stream.answer

    with cloud_side(tmp_path, Quiet(), model=SMALL) as cloud:
        shown, answer = asyncio.run(ask(cloud))
    assert answer.route is Route.HANDOFF
    assert answer.text.startswith(shown)
    assert len(answer.text) > len(shown)
    assert answer.egress.sent
    assert "in mid-answer" in answer.reason
    assert "  " not in answer.text
