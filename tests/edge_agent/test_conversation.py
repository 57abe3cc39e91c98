"""Conversations as an app holds them, on a tiny random model: what it says is noise, what is kept of it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent import Agent, AsyncAgent, Config, Sampling
from edge_agent.config import ModelSection
from edge_agent.context.store import SqliteContextStore
from edge_agent.conversation import AsyncConversation, AsyncConversations, Conversation, Conversations
from edge_agent.sections.records import ContextSection, ConversationsSection
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.types import Message, Request, Sensitivity

SHORT = Sampling(max_tokens=8)


@pytest.fixture
def config(model: Path, tmp_path: Path) -> Config:
    return Config(state=tmp_path, model=ModelSection(name=str(model)), context=ContextSection(embedding=""))


@pytest.fixture
def agent(config: Config) -> Iterator[Agent]:
    with Agent.open(config) as opened:
        yield opened


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def test_a_conversation_is_resumed_by_another_agent(config: Config) -> None:
    with Agent.open(config) as agent:
        conversation = agent.conversation("boiler")
        first = conversation.ask("It knocks at night.", sampling=SHORT)
        with conversation.stream("Why?", sampling=SHORT) as stream:
            assert list(stream)
        said = texts(conversation.messages())
    assert said[:3] == ["It knocks at night.", first.text, "Why?"]
    with Agent.open(config) as agent:
        for known_as in ("boiler", conversation.id):
            again = agent.conversation(known_as)
            assert (again.id, again.name) == (conversation.id, "boiler")
            assert texts(again.messages()) == said


def test_an_answer_is_the_same_whether_the_conversation_was_left_or_not(config: Config) -> None:
    with Agent.open(config) as agent:
        agent.remember("The boiler is serviced in May")
        conversation = agent.conversation()
        for question in ("When is the boiler serviced?", "And what is my name?"):
            conversation.ask(question, sampling=SHORT)
        went_on = conversation.ask("So?", sampling=SHORT, remember=False)
    with Agent.open(config) as agent:
        came_back = agent.conversation(conversation.id).ask("So?", sampling=SHORT, remember=False)
    assert came_back.text == went_on.text
    assert came_back.usage.prompt_tokens == went_on.usage.prompt_tokens


def test_a_turn_may_leave_nothing_behind(agent: Agent, tmp_path: Path) -> None:
    conversation = agent.conversation()
    conversation.ask("hello", sampling=SHORT)
    conversation.ask("My canary is called Zwölf", sampling=SHORT, remember=False)
    assert texts(conversation.messages())[::2] == ["hello"]
    agent.close()
    assert not any("Zwölf".encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_a_conversation_may_be_held_in_memory_only(agent: Agent, tmp_path: Path) -> None:
    record = agent.remember("The canary is fed at noon", sensitivity="private")
    conversation = agent.conversation(remember=False)
    assert conversation.ask("When is the canary fed?", sampling=SHORT).record_ids == (record,)
    conversation.ask("And Zwölf?", sampling=SHORT)
    assert texts(conversation.messages())[::2] == ["When is the canary fed?", "And Zwölf?"]
    assert list(agent.conversations.list()) == []
    with pytest.raises(InvalidRequest, match="nothing of this conversation is kept"):
        conversation.rename("x")
    agent.close()
    assert not any("Zwölf".encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize("remember", [True, False])
def test_what_is_forgotten_is_no_part_of_it_any_more(agent: Agent, remember: bool) -> None:
    record = agent.remember("The canary is fed at noon")
    conversation = agent.conversation(remember=remember)
    conversation.ask("hello", sampling=SHORT)
    assert conversation.ask("When is the canary fed?", sampling=SHORT).record_ids == (record,)
    with SqliteContextStore(agent.config.context_path) as other:
        other.forget(record)
    assert texts(conversation.messages())[::2] == ["hello"]


def test_an_answer_from_what_is_forgotten_while_it_is_written_is_not_kept(config: Config) -> None:
    async def said() -> list[str]:
        async with await AsyncAgent.open(config) as agent:
            record = await agent.remember("The canary is fed at noon")
            conversation = agent.conversation()
            async with conversation.stream("When is the canary fed?", sampling=SHORT) as stream:
                async for _ in stream:
                    with SqliteContextStore(config.context_path) as other, suppress(RecordNotFound):
                        other.forget(record)
            return texts(await conversation.messages())

    assert asyncio.run(said()) == []


def test_the_configuration_may_keep_nothing(config: Config) -> None:
    silent = config.model_copy(update={"conversations": ConversationsSection(remember=False)})
    with Agent.open(silent) as agent:
        agent.conversation().ask("hello", sampling=SHORT)
        assert list(agent.conversations.list()) == []
        agent.conversation(remember=True).ask("hello", sampling=SHORT)
        assert len(agent.conversations.list()) == 1


def test_a_conversation_over_private_records_is_private(agent: Agent) -> None:
    agent.remember("The canary is fed at noon", sensitivity="private")
    conversation = agent.conversation()
    assert conversation.ask("hello", sampling=SHORT).sensitivity is Sensitivity.PUBLIC
    assert conversation.ask("When is the canary fed?", sampling=SHORT).sensitivity is Sensitivity.PRIVATE
    later = conversation.ask("Thanks!", sampling=SHORT)
    assert later.sensitivity is Sensitivity.PRIVATE
    assert later.reason == "the conversation used private records: stays on the device"
    labels = [message.sensitivity for message in conversation.messages()]
    assert labels == [Sensitivity.PUBLIC] * 2 + [Sensitivity.PRIVATE] * 4


def test_what_was_asked_with_local_only_stays_later(agent: Agent) -> None:
    conversation = agent.conversation()
    conversation.ask("hello", sampling=SHORT, local_only=True)
    conversation.ask("hello again", sampling=SHORT)
    assert [message.sensitivity for message in conversation.messages()] == [Sensitivity.PRIVATE] * 4


def test_the_question_of_now_is_in_no_store_while_it_is_answered(config: Config) -> None:
    async def answered() -> list[list[str]]:
        async with await AsyncAgent.open(config) as agent:
            conversation = agent.conversation()
            async with conversation.stream("My keys are lost", sampling=SHORT) as stream:
                during = [texts(await conversation.messages()) async for _ in stream]
            return [during[0], texts(await conversation.messages())]

    during, after = asyncio.run(answered())
    assert during == []
    assert after[0] == "My keys are lost"


def test_a_stream_that_is_left_early_keeps_nothing(agent: Agent) -> None:
    conversation = agent.conversation()
    with conversation.stream("hello", sampling=Sampling(max_tokens=200)) as stream:
        next(stream)
    assert conversation.messages() == []
    assert conversation.ask("hello", sampling=SHORT).text


def test_questions_of_one_conversation_take_turns(config: Config) -> None:
    async def ask() -> list[str]:
        async with await AsyncAgent.open(config) as agent:
            conversation = agent.conversation()
            await asyncio.gather(*(conversation.ask(f"question {n}", sampling=SHORT) for n in range(4)))
            return texts(await conversation.messages())

    assert asyncio.run(ask())[::2] == [f"question {n}" for n in range(4)]


def test_conversations_are_listed_shown_renamed_and_deleted(agent: Agent, tmp_path: Path) -> None:
    one, two = agent.conversation(), agent.conversation("Theatre")
    one.ask("The canary is called Zwölf", sampling=SHORT)
    two.ask("Who wrote Hamlet?", sampling=SHORT)
    assert [entry.id for entry in agent.conversations.list()] == [two.id, one.id]
    agent.conversations.rename(one.id, "birds")
    assert agent.conversations.turns("birds")[0].body == "The canary is called Zwölf"
    assert agent.conversations.delete("birds") == 2
    assert [entry.title for entry in agent.conversations.list()] == ["Theatre"]
    assert not any("Zwölf".encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for act in (agent.conversations.delete, agent.conversations.turns):
        with pytest.raises(RecordNotFound):
            act("birds")


def test_a_name_may_be_given_before_the_first_turn(agent: Agent) -> None:
    conversation = agent.conversation()
    conversation.rename("birds")
    assert list(agent.conversations.list()) == []
    conversation.ask("hello", sampling=SHORT)
    conversation.rename("canaries")
    assert [entry.name for entry in agent.conversations.list()] == ["canaries"]


def test_the_blocking_facades_have_the_methods_of_the_core() -> None:
    for facade, core in ((Conversation, AsyncConversation), (Conversations, AsyncConversations)):
        public = {name for name in vars(facade) if not name.startswith("_")} - {"id", "name"}
        assert public <= {name for name in vars(core) if not name.startswith("_")}


def test_a_turn_is_asked_with_what_was_said_before(config: Config) -> None:
    asked: list[Request] = []

    class Watched(AsyncAgent):
        def run(self, request: Request):  # type: ignore[no-untyped-def]
            asked.append(request)
            return super().run(request)

    async def ask() -> None:
        async with await Watched.open(config) as agent:
            conversation = agent.conversation()
            for question in ("one", "two"):
                await conversation.ask(question, sampling=SHORT)

    asyncio.run(ask())
    assert [message.text for message in asked[1].messages][::2] == ["one", "two"]
    assert asked[1].history_tokens == config.conversations.history_tokens
