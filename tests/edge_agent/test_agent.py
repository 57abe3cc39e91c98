"""The agent as an app holds it, on a tiny random model: what it says is noise, how it is said is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import edge_agent
from edge_agent import Agent, AsyncAgent, Budget, Config, Format, Message, Reply, Sampling
from edge_agent.config import ModelSection
from edge_agent.context.forgetting import Forgotten
from edge_agent.context.store import SqliteContextStore
from edge_agent.journal import Journal
from edge_agent.sections.records import EncryptionSection
from edge_agent.slm.model import OnnxModel
from orchestrator.errors import InvalidRequest, ModelNotFound, RecordNotFound
from orchestrator.types import FinishReason, Route, Sensitivity
from tests.edge_agent.context.test_forgetting import CANARY, traces

SHORT = Sampling(max_tokens=8)


@pytest.fixture
def config(model: Path, tmp_path: Path) -> Config:
    return Config(state=tmp_path, model=ModelSection(name=str(model)))


@pytest.fixture
def agent(config: Config) -> Iterator[Agent]:
    with Agent.open(config) as opened:
        yield opened


def test_a_stream_and_an_answer_say_the_same(agent: Agent) -> None:
    answer = agent.ask("hello", sampling=SHORT)
    with agent.stream("hello", sampling=SHORT) as stream:
        pieces = [piece.text for piece in stream]
    assert stream.answer is not None
    assert "".join(pieces) == stream.answer.text == answer.text
    assert (answer.route, answer.usd, answer.egress.sent) == (Route.LOCAL, 0, False)
    assert answer.device_energy.joules > 0


def test_the_async_agent_has_the_same_methods(config: Config, agent: Agent) -> None:
    async def ask() -> str:
        async with await AsyncAgent.open(config) as twin:
            return (await twin.ask("hello", sampling=SHORT)).text

    assert asyncio.run(ask()) == agent.ask("hello", sampling=SHORT).text
    public = {name for name in vars(Agent) if not name.startswith("_")} - {"close"}
    assert public <= {name for name in dir(AsyncAgent) if not name.startswith("_")}


def test_what_is_remembered_is_recalled_and_labels_the_answer(agent: Agent) -> None:
    record = agent.remember("Dentist on Tuesday at 9:30", sensitivity="private")
    answer = agent.ask("When do I see the dentist?", sampling=SHORT)
    assert answer.record_ids == (record,)
    assert answer.sensitivity is Sensitivity.PRIVATE
    assert answer.reason == f"private record {record} is needed: stays on the device"


def test_what_is_forgotten_is_not_recalled(agent: Agent) -> None:
    record = agent.remember("Dentist on Tuesday at 9:30", sensitivity="private")
    assert agent.ask("When do I see the dentist?", sampling=SHORT).record_ids == (record,)
    agent.forget(record)
    assert agent.ask("When do I see the dentist?", sampling=SHORT).record_ids == ()
    with pytest.raises(RecordNotFound):
        agent.forget(record)


def test_what_is_forgotten_is_in_no_file_of_the_home_folder(config: Config, tmp_path: Path) -> None:
    with Agent.open(config) as agent:
        for sensitivity in Sensitivity:
            agent.remember(f"The Xylocarpous tree is {sensitivity.value}, says Anna", sensitivity=sensitivity)
        asked = agent.ask("What is the xylocarpous tree?", sampling=SHORT)
        assert len(asked.record_ids) == 3
        assert len(agent.to_forget(query="xylocarpous tree", sensitivity="public")) == 1
        assert agent.forget(query="xylocarpous") == Forgotten(3, wiped=True)
        assert agent.to_forget(query="xylocarpous") == []
        assert traces(tmp_path) == []
        assert agent.ask("What is the xylocarpous tree?", sampling=SHORT).record_ids == ()
        assert agent.forget_all().records == 0
    assert traces(tmp_path) == []
    with Journal.open(config.journal_path) as journal:
        (stored,) = (stored for stored in journal.recent(9) if stored.id == asked.decision_id)
        assert stored.answer is not None
        assert Reply.of(stored.answer, asked.tell) == replace(asked, text="")


def test_what_others_forget_is_dropped_before_the_next_question(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[OnnxModel] = []
    forget_soon = OnnxModel.forget_soon

    def noted(model: OnnxModel) -> None:
        dropped.append(model)
        forget_soon(model)

    monkeypatch.setattr(OnnxModel, "forget_soon", noted)
    with Agent.open(config) as agent:
        agent.remember("Dentist on Tuesday at 9:30")
        agent.ask("When do I see the dentist?", sampling=SHORT)
        with SqliteContextStore(config.context_path) as other:
            other.forget_all()
        assert dropped == []
        assert agent.ask("When do I see the dentist?", sampling=SHORT).record_ids == ()
        assert len(dropped) == 1


def test_leaving_a_stream_early_settles_it(agent: Agent) -> None:
    with agent.stream("hello", sampling=Sampling(max_tokens=200)) as stream:
        next(stream)
    energy = agent.windows()[0]
    assert energy.reserved == 0
    assert energy.spent > 0


def test_many_threads_may_ask(agent: Agent) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: agent.ask(f"question {n % 2}", sampling=SHORT), range(8)))
    assert {answers[0].text, answers[1].text} == {answer.text for answer in answers}


def test_a_conversation_may_be_asked(agent: Agent) -> None:
    turns = [Message("user", "hi"), Message("assistant", "hello"), Message("user", "and now?")]
    assert agent.ask(turns, sampling=SHORT).finish_reason in set(FinishReason)


@pytest.mark.parametrize(
    ("wishes", "says"),
    [({"route": "moon"}, "'moon'"), ({"rute": "local"}, "'rute'"), ({"budget": Budget(usd=-1)}, "usd")],
)
def test_a_wish_that_cannot_be_is_named(agent: Agent, wishes: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        agent.ask("hello", **wishes)  # type: ignore[arg-type]


def test_an_unknown_label_is_named(agent: Agent) -> None:
    with pytest.raises(InvalidRequest, match="privat"):
        agent.remember("x", sensitivity="privat")


def test_without_a_socket_a_missing_model_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_MODELS", str(tmp_path / "none"))
    with pytest.raises(ModelNotFound, match="edgewise models pull"):
        Agent.open(Config(state=tmp_path, local_only=True))


def test_an_answer_has_the_form_that_was_asked_for(config: Config) -> None:
    with Agent.open(config) as agent:
        answer = agent.ask("What do bees make?", format=Format.regex("(wax|honey)"))
        assert answer.text in ("wax", "honey")
        assert answer.route is Route.LOCAL
        pieces = agent.stream("What do bees make?", format=Format.regex("[a-z]{3}"), sampling=Sampling(temperature=1.0))
        assert len("".join(piece.text for piece in pieces)) == 3
        with pytest.raises(InvalidRequest, match="contains"):
            agent.ask("What do bees make?", format=Format.json_schema({"type": "array", "contains": {}}))


def test_of_an_encrypted_store_no_word_reaches_the_disk(config: Config, tmp_path: Path) -> None:
    encryption = EncryptionSection(required=True, key_from=f"file:{tmp_path / 'key'}")
    config = config.model_copy(update={"context": config.context.model_copy(update={"encryption": encryption})})
    with Agent.open(config) as agent, Agent.open(config) as twin:
        record = agent.remember(f"Dentist {CANARY} on Tuesday at 9:30", sensitivity="private")
        assert twin.ask(f"When do I see the dentist {CANARY}?", sampling=SHORT).record_ids == (record,)
        assert traces(tmp_path) == []
        agent.forget(record)
        assert twin.ask(f"When do I see the dentist {CANARY}?", sampling=SHORT).record_ids == ()
    assert traces(tmp_path) == []
    assert not (tmp_path / "context.db").read_bytes().startswith(b"SQLite format")


def test_closing_twice_is_once(config: Config) -> None:
    agent = Agent.open(config)
    agent.close()
    agent.close()


def test_every_public_name_is_there() -> None:
    assert all(getattr(edge_agent, name) for name in edge_agent.__all__)
    with pytest.raises(AttributeError):
        _ = edge_agent.nothing


def test_an_answer_takes_feedback(agent: Agent, config: Config) -> None:
    asked = agent.ask("hello", sampling=SHORT)
    with agent.stream("hello", sampling=SHORT) as stream:
        list(stream)
    assert stream.answer is not None
    asked.feedback(good=False)
    asked.feedback(good=True)
    stream.answer.feedback(good=False)
    said = agent.conversation().ask("hello", sampling=SHORT)
    agent.feedback(said.decision_id, good=True)

    async def tell() -> str:
        async with await AsyncAgent.open(config) as twin:
            answer = await twin.ask("hello", sampling=SHORT)
            await answer.feedback(good=False)
            return answer.decision_id

    ids = [asked.decision_id, stream.answer.decision_id, said.decision_id, asyncio.run(tell())]
    with Journal.open(config.journal_path) as journal:
        known = [journal.decision(decision_id).feedback for decision_id in ids]
    assert [feedback.good for feedback in known if feedback] == [True, False, True, False]
    with pytest.raises(RecordNotFound):
        agent.feedback("nobody's", good=True)


@pytest.mark.parametrize("effort", ["best", "vote", "rebase"])
def test_a_strategy_gives_the_same_answer_again_and_says_what_it_did(config: Config, effort: str) -> None:
    with Agent.open(config) as agent:
        sampling = Sampling(max_tokens=8)
        first, second = (agent.ask("What is 1 + 2?", effort=effort, sampling=sampling) for _ in range(2))
    assert first.text == second.text
    assert first.effort == second.effort
    assert first.effort is not None
    assert (first.effort.strategy, first.usage.prompt_tokens > 0) == (effort, True)
    assert 2 * 8 < first.usage.completion_tokens <= 5 * 8


def test_a_check_needs_a_cloud_and_says_so(config: Config) -> None:
    with Agent.open(config) as agent:
        answer = agent.ask("What is 1 + 2?", effort="verify", sampling=Sampling(max_tokens=4))
        with pytest.raises(InvalidRequest, match="no effort 'more'"):
            agent.ask("x", effort="more")
    assert answer.effort is None
    assert "without verify, which was asked for: it needs the cloud" in answer.reason
