"""The ways in which a question is asked: each is a way by which the user's words could travel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import httpx

from benchmarks.canaries.life import Life
from benchmarks.canaries.questions import Question
from edge_agent.agent import AsyncAgent
from edge_agent.mcp import SharedRecords, create_server
from edge_agent.serve.app import create_app
from edge_agent.serve.server import defaults_of, overview_of
from orchestrator.types import Answer, Sensitivity

Way = Callable[[AsyncAgent, Life, Question], Coroutine[Any, Any, list[str]]]
"""Asks; what the way itself gave to somebody else than the user, and what receipts say. Errors are raised."""


async def asked(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """`edgewise ask --route cloud`."""
    return [_receipt(await agent.ask(question.turns[-1], route="cloud"))]


async def left_to_choose(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """`edgewise ask`, with a device that is unsure of its answers: they are handed over."""
    return [_receipt(await agent.ask(question.turns[-1]))]


async def checked(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """`--effort verify`: the cloud is asked about the device's draft."""
    return [_receipt(await agent.ask(question.turns[-1], effort="verify"))]


async def consulted(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """`--effort consult`: the cloud is asked in general, and the device joins what it says with its records."""
    return [_receipt(await agent.ask(question.turns[-1], effort="consult"))]


async def talked(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """A conversation: its turns are answered at home, and then the cloud is asked."""
    return await _conversation(agent, question, remember=True)


async def talked_incognito(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """The same, and nothing of it is kept."""
    return await _conversation(agent, question, remember=False)


async def recalled_later(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """A conversation is kept; another question, outside of it, recalls its turns."""
    await _conversation(agent, question, remember=True)
    about = f"What did you tell me when I asked: {question.turns[0]}"
    return [_receipt(await agent.ask(about, route="cloud"))]


async def asked_at_once(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """Several questions at the same time, of which each has its own stand-ins."""
    return [_receipt(each) for each in await asyncio.gather(*(agent.ask(q, route="cloud") for q in question.turns))]


async def served(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """An OpenAI client, which sends back the whole conversation with each question."""
    return await _chat(agent, question, retold=False)


async def served_retold(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """An OpenAI client that tells the device's answers in other words, and in a system message."""
    return await _chat(agent, question, retold=True)


async def served_quoted(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """An OpenAI client that puts what was said into one message, as those do that condense a conversation."""
    said: list[str] = []
    async with _client(agent) as client:
        for turn in question.turns[:-1]:
            told = await _post(client, [{"role": "user", "content": turn}], route="local")
            said += [f"User: {turn}", f"Assistant: {told['choices'][0]['message']['content']}"]
        transcript = "This was said so far:\n" + "\n".join(said)
        last = question.turns[-1]
        forms: list[list[dict[str, Any]]] = [
            [{"role": "system", "content": transcript}, {"role": "user", "content": last}],
            [{"role": "user", "content": f"{transcript}\n\nNow answer this: {last}"}],
        ]
        return [
            json.dumps((await _post(client, form, route="cloud"))["edgewise"], ensure_ascii=False) for form in forms
        ]


async def served_with_tools(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """An OpenAI client whose tool gives back what stands in the contacts."""
    friend = life.people[0]
    call = {"id": "call_1", "type": "function", "function": {"name": "contacts", "arguments": '{"name": "friend"}'}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Whom did I meet?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": f"{friend.title}. {friend.body}"},
        {"role": "assistant", "content": f"You met {friend.title}."},
        {"role": "user", "content": question.turns[-1]},
    ]
    async with _client(agent) as client:
        return [json.dumps((await _post(client, messages, route="auto"))["edgewise"])]


async def shared_by_mcp(agent: AsyncAgent, life: Life, question: Question) -> list[str]:
    """Another program on the device searches the records; what it is given, it may send anywhere."""
    from mcp import Client

    parts = agent.parts
    shared = SharedRecords(parts.context, parts.journal, share=Sensitivity.PUBLIC, clock=parts.clock)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("search_context", {"query": question.turns[-1], "limit": 50}),
        ("recent_context", {"limit": 50}),
        ("search_context", {"query": life.people[1].title}),
        ("search_context", {"query": "?!"}),
    ]
    given = []
    async with Client(create_server(shared)) as client:
        for tool, arguments in calls:
            result = await client.call_tool(tool, arguments)
            given.append(result.model_dump_json())
    return given


WAYS: Final[Mapping[str, Way]] = {
    "ask": asked,
    "handoff": left_to_choose,
    "verify": checked,
    "consult": consulted,
    "conversation": talked,
    "incognito": talked_incognito,
    "recalled later": recalled_later,
    "at once": asked_at_once,
    "served": served,
    "served, retold": served_retold,
    "served, quoted": served_quoted,
    "served, with tools": served_with_tools,
    "mcp": shared_by_mcp,
}
LONG: Final = frozenset(
    {"at once", "conversation", "incognito", "recalled later", "served", "served, retold", "served, quoted"}
)
"""Ways with turns before the last."""


async def _conversation(agent: AsyncAgent, question: Question, *, remember: bool) -> list[str]:
    talk = agent.conversation(remember=remember)
    for turn in question.turns[:-1]:
        await talk.ask(turn, route="local")
    return [_receipt(await talk.ask(question.turns[-1], route="cloud"))]


async def _chat(agent: AsyncAgent, question: Question, *, retold: bool) -> list[str]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": "You are an assistant of few words."}]
    async with _client(agent) as client:
        for turn in question.turns[:-1]:
            messages.append({"role": "user", "content": turn})
            told = (await _post(client, messages, route="local"))["choices"][0]["message"]["content"]
            messages.append({"role": "assistant", "content": f"Well: {told} So it is." if retold else told})
        messages.append({"role": "user", "content": question.turns[-1]})
        return [json.dumps((await _post(client, messages, route="cloud"))["edgewise"], ensure_ascii=False)]


def _client(agent: AsyncAgent) -> httpx.AsyncClient:
    app = create_app(agent, defaults_of(agent), overview_of(agent))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30)


async def _post(client: httpx.AsyncClient, messages: Sequence[Mapping[str, Any]], *, route: str) -> dict[str, Any]:
    """One chat completion.

    Raises:
        ServedError: it is an error; with the words that the client got.
    """
    body = {"model": "edgewise", "messages": messages, "edgewise": {"route": route}}
    response = await client.post("/v1/chat/completions", json=body)
    if response.status_code != httpx.codes.OK:
        raise ServedError(response.text)
    answer: dict[str, Any] = response.json()
    return answer


class ServedError(Exception):
    """What the HTTP side answers where it has no answer."""


def _receipt(answer: Answer) -> str:
    """All that an answer says of itself, but its text, which is the user's."""
    return repr(replace(answer, text=""))
