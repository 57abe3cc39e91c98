"""Forms, tools and several choices with the official client, a real socket and the real small model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
import yaml
from openai.types.chat import ChatCompletionMessage, ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

pytestmark = pytest.mark.model

MODEL = "edgewise"
ANN: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Ann is 31 and happy. Who is she?"}]
RAIN: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris, in celsius?"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}


class Person(BaseModel):
    """Who somebody is."""

    name: str
    age: int
    mood: Literal["happy", "sad"] | None


@pytest.fixture(scope="module")
def url(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    config = home / "agent.yaml"
    config.write_text(yaml.safe_dump({"model": {"name": str(smollm2)}, "context": {"enabled": False}}))
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("edgewise")), "serve", "--port", "0", "--config", str(config)],
        env={**os.environ, "EDGEWISE_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    yield server.stdout.readline().removeprefix("listening on ").strip() + "/v1"
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=60)
    assert server.returncode == 0


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as opened:
        yield opened


def test_an_answer_is_parsed_into_a_class(client: openai.OpenAI) -> None:
    whole = client.chat.completions.parse(model=MODEL, messages=ANN, response_format=Person)
    assert whole.choices[0].message.parsed == Person(name="Ann", age=31, mood="happy")
    with client.chat.completions.stream(model=MODEL, messages=ANN, response_format=Person) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == whole.choices[0].message.parsed


@pytest.mark.anyio
async def test_the_async_client_parses_too(url: str) -> None:
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        whole = await client.chat.completions.parse(model=MODEL, messages=ANN, response_format=Person)
        assert whole.choices[0].message.parsed == Person(name="Ann", age=31, mood="happy")
        async with client.chat.completions.stream(
            model=MODEL, messages=RAIN, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False
        ) as stream:
            (call,) = (await stream.get_final_completion()).choices[0].message.tool_calls or []
            assert json.loads(call.function.arguments) == {"city": "Paris", "unit": "celsius"}


def test_an_answer_that_was_cut_is_the_clients_own_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model=MODEL, messages=ANN, response_format=Person, max_tokens=5)


def test_json_of_any_kind_and_our_own_forms(client: openai.OpenAI) -> None:
    def ask(**options: Any) -> str:
        answer = client.chat.completions.create(model=MODEL, messages=ANN, max_tokens=200, **options)
        assert answer.choices[0].finish_reason == "stop"
        return answer.choices[0].message.content or ""

    assert isinstance(json.loads(ask(response_format={"type": "json_object"})), dict)
    assert ask(extra_body={"edgewise": {"regex": "(Ann|Bob) is [0-9]{2}"}}) == "Ann is 31"
    assert ask(extra_body={"edgewise": {"lark": 'start: "happy" | "sad"'}}) == "happy"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_a_tool_is_called_and_its_result_used(client: openai.OpenAI, stream: bool, choice: Any) -> None:
    options: dict[str, Any] = {"model": MODEL, "tools": [WEATHER], "max_tokens": 100}
    call = {"tool_choice": choice, "parallel_tool_calls": False, "messages": RAIN, **options}
    if stream:
        with client.chat.completions.stream(**call) as events:
            answer = events.get_final_completion().choices[0]
    else:
        answer = client.chat.completions.create(**call).choices[0]
    assert answer.finish_reason == "tool_calls"
    message: ChatCompletionMessage = answer.message
    (made,) = message.tool_calls or []
    assert made.type == "function"
    assert made.function.name == "get_weather"
    assert json.loads(made.function.arguments) == {"city": "Paris", "unit": "celsius"}
    assert not message.content
    history: list[Any] = [*RAIN, message.model_dump(include={"role", "content", "tool_calls"})]
    history.append({"role": "tool", "tool_call_id": made.id, "content": "21 degrees"})
    then = client.chat.completions.create(messages=history, tool_choice="none", **options)
    assert then.choices[0].message.content
    assert not then.choices[0].message.tool_calls
    receipt = (then.model_extra or {})["edgewise"]
    assert receipt["route"] == "local"
    assert "tools" in receipt["reason"]


def test_calls_are_free_to_come_and_text_is_free_to_stay(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=ANN, tools=[WEATHER], max_tokens=60).choices[0]
    assert answer.message.content
    assert not answer.message.tool_calls


def test_several_choices_each_with_its_seed(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": ANN, "temperature": 1.0, "max_tokens": 8}
    several = client.chat.completions.create(n=3, seed=5, **asked)
    texts = [choice.message.content for choice in several.choices]
    alone = [client.chat.completions.create(seed=seed, **asked) for seed in (5, 6, 7)]
    assert texts == [one.choices[0].message.content for one in alone]
    assert several.usage is not None
    assert several.usage.total_tokens == sum(one.usage.total_tokens for one in alone if one.usage)
    assert len((several.model_extra or {})["edgewise"]["choices"]) == 3
    streamed = ["", "", ""]
    for chunk in client.chat.completions.create(n=3, seed=5, stream=True, **asked):
        for part in chunk.choices:
            streamed[part.index] += part.delta.content or ""
    assert streamed == texts


def test_what_contradicts_a_form_is_refused(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": ANN, "response_format": {"type": "json_object"}}
    with pytest.raises(openai.BadRequestError, match="route cloud"):
        client.chat.completions.create(**asked, extra_body={"edgewise": {"route": "cloud"}})
    with pytest.raises(openai.BadRequestError, match="stop strings"):
        client.chat.completions.create(**asked, stop="x")
