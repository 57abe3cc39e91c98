"""The witness in a whole agent with a real gateway: nothing leaves that is not in the log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloud_gateway.server import GatewayServer
from edge_agent.agent import AsyncAgent
from edge_agent.config import CloudSection, Config, ModelSection
from edge_agent.egress.consent import Verdict
from edge_agent.sections.privacy import PrivacySection
from edge_agent.sections.records import ContextSection, EncryptionSection
from orchestrator.client import Outcome
from orchestrator.errors import StoreLocked
from orchestrator.privacy.consent import ConsentRequest
from orchestrator.privacy.rules import Action
from orchestrator.types import Route, Sampling, Sensitivity
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
SHORT = Sampling(max_tokens=4)


@pytest.fixture
def config(model: Path, tmp_path: Path, gateway: GatewayServer, api_key: str) -> Config:
    return Config(
        state=tmp_path / "state",
        model=ModelSection(name=str(model)),
        context=ContextSection(embedding=""),
        cloud=CloudSection(target=gateway.address, api_key=api_key, model="small"),
    )


def words_in(folder: Path, *words: str) -> list[str]:
    """Files that have one of the words."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if any(word.encode() in file.read_bytes() for word in words)]


async def test_all_that_arrives_upstream_is_in_the_log(config: Config, upstream: SimulatedUpstream) -> None:
    async with await AsyncAgent.open(config) as agent:
        record = await agent.remember("The boiler in the cellar is a Vaillant", sensitivity="public")
        answer = await agent.ask("Which boiler is in the cellar?", route="cloud", sampling=SHORT)
        assert answer.route is Route.CLOUD
        (call,) = agent.parts.egress.of_decision(answer.decision_id)
        assert (call.outcome, call.attempt) == (Outcome.ANSWERED, 1)
        assert [(message.role, message.text) for message in call.messages] == [
            (message["role"], message["content"]) for message in upstream.seen[-1].body["messages"]
        ]
        assert call.departure.cause is not None
        assert call.departure.cause.record_ids == answer.egress.record_ids == (record,)
        assert [call.method for call in agent.parts.egress.calls()] == ["StreamGenerate", "ListModels"]
        assert agent.parts.egress.verify().broken_at is None
        await agent.forget(record)
        (call,) = agent.parts.egress.of_decision(answer.decision_id)
        assert call.is_blank


async def test_a_call_that_stalls_is_in_the_log_as_cancelled(config: Config, upstream: SimulatedUpstream) -> None:
    upstream.replies = [Reply(hold_after=0)]
    config = config.model_copy(update={"cloud": config.cloud.model_copy(update={"first_token_s": 0.2})})
    async with await AsyncAgent.open(config) as agent:
        answer = await agent.ask("What do bees make?", route="cloud", sampling=SHORT)
        assert answer.route is Route.LOCAL
        (call,) = agent.parts.egress.of_decision(answer.decision_id)
        assert call.outcome is Outcome.CANCELLED


async def test_what_cannot_be_written_down_does_not_leave(config: Config, upstream: SimulatedUpstream) -> None:
    async with await AsyncAgent.open(config) as agent:
        with closing(sqlite3.connect(config.egress_path)) as db:
            db.execute("DROP TABLE contents")
        answer = await agent.ask("What do bees make?", route="cloud", sampling=SHORT)
        assert answer.route is Route.LOCAL
        assert upstream.chats == 0


async def test_of_a_conversation_that_is_not_kept_no_word_is(config: Config, tmp_path: Path) -> None:
    async with await AsyncAgent.open(config) as agent:
        said = await agent.conversation(remember=False).ask("Is ultramarine blue?", route="cloud", sampling=SHORT)
        assert said.route is Route.CLOUD
        (call,) = agent.parts.egress.of_decision(said.decision_id)
        assert call.size > 0
        assert call.is_blank
        assert words_in(tmp_path, "ultramarine") == []
        assert agent.parts.egress.verify().broken_at is None


async def test_of_an_encrypted_home_no_word_that_left_is_readable(config: Config, tmp_path: Path) -> None:
    encryption = EncryptionSection(required=True, key_from=f"file:{tmp_path / 'key'}")
    config = config.model_copy(update={"context": config.context.model_copy(update={"encryption": encryption})})
    async with await AsyncAgent.open(config) as agent:
        await agent.ask("Is ultramarine blue?", route="cloud", sampling=SHORT)
        assert words_in(tmp_path, "ultramarine", "models", "StreamGenerate") == []
        assert agent.parts.egress.verify().broken_at is None
    assert words_in(tmp_path, "ultramarine", "models", "StreamGenerate") == []
    plain = config.model_copy(update={"context": ContextSection(embedding="")})
    plain.context_path.unlink()
    with pytest.raises(StoreLocked, match=r"egress\.db"):
        await AsyncAgent.open(plain)


async def test_a_turn_that_is_forgotten_takes_its_conversation_out_of_the_log(config: Config) -> None:
    async with await AsyncAgent.open(config) as agent:
        talk = agent.conversation("colours")
        said = await talk.ask("Is ultramarine blue?", route="cloud", sampling=SHORT)
        other = await agent.ask("What do bees make?", route="cloud", sampling=SHORT)
        await agent.conversations.delete("colours")
        assert agent.parts.egress.of_decision(said.decision_id)[0].is_blank
        assert not agent.parts.egress.of_decision(other.decision_id)[0].is_blank


async def test_records_that_went_while_no_agent_was_open_are_blanked_at_the_next_opening(config: Config) -> None:
    async with await AsyncAgent.open(config) as agent:
        record = await agent.remember("The boiler in the cellar is a Vaillant", sensitivity="public")
        answer = await agent.ask("Which boiler is in the cellar?", route="cloud", sampling=SHORT)
        assert answer.egress.record_ids == (record,)
    with closing(sqlite3.connect(config.context_path)) as db, db:
        db.execute("DELETE FROM records")
    async with await AsyncAgent.open(config) as agent:
        assert agent.parts.egress.of_decision(answer.decision_id)[0].is_blank


@pytest.mark.parametrize("word", [True, False, Verdict.ALWAYS, Verdict.NEVER])
async def test_where_a_rule_says_ask_nothing_leaves_without_the_users_word(
    config: Config, upstream: SimulatedUpstream, word: bool | Verdict
) -> None:
    asked: list[ConsentRequest] = []

    def ask(request: ConsentRequest) -> bool | Verdict:
        asked.append(request)
        assert upstream.chats == 0
        return word

    config = config.model_copy(update={"privacy": PrivacySection(public=Action.ASK)})
    async with await AsyncAgent.open(config, consent=ask) as agent:
        answer = await agent.ask("What do bees make?", route="cloud", sampling=SHORT)
    allowed = word in (True, Verdict.ALWAYS)
    assert (answer.route, upstream.chats) == ((Route.CLOUD, 1) if allowed else (Route.LOCAL, 0))
    assert [(request.destination, request.label) for request in asked] == [(config.cloud.target, Sensitivity.PUBLIC)]
    assert asked[0].messages[-1].text == "What do bees make?"
    async with await AsyncAgent.open(config) as agent:
        again = await agent.ask("What do bees make?", route="cloud", sampling=SHORT)
        assert (again.route is Route.CLOUD) == (word is Verdict.ALWAYS), "without anybody to ask, what is remembered"
        if again.route is Route.CLOUD:
            (call,) = agent.parts.egress.of_decision(again.decision_id)
            assert call.departure.cause is not None
            assert call.departure.cause.rule == "public: ask"
        else:
            assert "it was not agreed that this leaves" in again.reason
