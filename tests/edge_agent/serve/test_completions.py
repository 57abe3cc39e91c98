"""Chat completions as the official client, and a client that leaves, see them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from orchestrator.budget import Resource, Window
from orchestrator.errors import CloudTruncated, InferenceFailed
from orchestrator.testing import UNSURE, Script
from orchestrator.types import Recalled, Record, Sensitivity, Spend

ASK: list[Any] = [{"role": "user", "content": "What do bees make?"}]
HARD = "Explain why and how a compiler works, compare two algorithms, and prove the complexity of each in detail"
Build = Callable[..., Any]


def private_record() -> Recalled:
    return Recalled(Record(kind="event", title="Dentist", body="at 9:30", sensitivity=Sensitivity.PRIVATE, id=12), 0.9)


def test_the_official_client_gets_an_answer_with_its_receipt(house: Build, client: Build) -> None:
    with house().open() as url:
        answer = client(url).chat.completions.create(model="edgewise", messages=ASK)
    assert answer.choices[0].message.content == "Bees make honey."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 3
    assert answer.id.startswith("chatcmpl-")
    receipt = answer.edgewise
    assert (receipt["route"], receipt["model"]) == ("local", "little")
    assert receipt["energy"]["device_joules"] == pytest.approx(1.5)
    assert receipt["energy"]["source"] == "modelled"
    assert receipt["egress"] == {"sent": False, "record_ids": [], "redactions": 0}


def test_the_official_client_streams(house: Build, client: Build) -> None:
    with house().open() as url:
        stream = client(url).chat.completions.create(
            model="little", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Bees make honey."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices] == [None] * 4 + ["stop"]
    assert chunks[-2].edgewise["decision_id"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 3


def test_the_official_async_client_does_both(house: Build) -> None:
    async def both(url: str) -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
            whole = await client.chat.completions.create(model="edgewise", messages=ASK)
            text = ""
            async for chunk in await client.chat.completions.create(model="edgewise", messages=ASK, stream=True):
                text += chunk.choices[0].delta.content or ""
            return whole.choices[0].message.content, text

    with house().open() as url:
        assert asyncio.run(both(url)) == ("Bees make honey.", "Bees make honey.")


def test_the_client_lists_the_models(house: Build, client: Build) -> None:
    with house().open() as url:
        models = client(url).models
        assert [model.id for model in models.list()] == ["edgewise", "little"]
        assert models.retrieve("little").id == "little"
        with pytest.raises(openai.NotFoundError):
            models.retrieve("large")


def test_a_stream_is_plain_server_sent_events_with_done_at_its_end(house: Build) -> None:
    response = house().post(stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = response.text.strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    assert [json.loads(event.removeprefix("data: "))["object"] for event in events[:-1]] == [
        "chat.completion.chunk"
    ] * 5


def test_the_extension_chooses_route_budget_and_lock(house: Build) -> None:
    home = house(cloud=Script(pieces=["from the cloud"], usd=0.0001))
    answer = home.post(edgewise={"route": "cloud"}).json()
    assert answer["choices"][0]["message"]["content"] == "from the cloud"
    assert answer["edgewise"]["egress"]["sent"] is True
    assert answer["edgewise"]["cost_usd"] == 0.0001
    assert home.post(edgewise={"local_only": True}).json()["edgewise"]["reason"].startswith("asked with local-only")
    broke = home.post(edgewise={"budget": {"device_joules": 0.001, "usd": 0}})
    assert (broke.status_code, broke.json()["error"]["code"]) == (429, "budget_exhausted")
    assert broke.headers["x-should-retry"] == "false"


def test_the_devices_own_model_name_means_the_device(house: Build) -> None:
    home = house(cloud=Script(pieces=["from the cloud"]))
    body = {"model": "little", "messages": [{"role": "user", "content": HARD}]}
    assert home.post(body).json()["edgewise"]["route"] == "local"
    assert home.post(body | {"model": "edgewise"}).json()["edgewise"]["route"] == "cloud"


def test_a_final_assistant_message_is_continued(house: Build) -> None:
    home = house(local=Script(pieces=["honey."]))
    turns = [*ASK, {"role": "assistant", "content": "They make "}]
    answer = home.post(messages=turns, continue_final_message=True, add_generation_prompt=False).json()
    assert answer["choices"][0]["message"]["content"] == "honey."
    assert home.local.asked[0].prefix == "They make "
    assert [message.role for message in home.local.asked[0].messages] == ["system", "user"]


def test_sampling_reaches_the_model(house: Build) -> None:
    home = house()
    home.post(temperature=0.7, top_p=0.9, min_p=0.1, seed=-3, max_tokens=5, max_completion_tokens=2, stop=["\n", "."])
    sampling = home.local.asked[0].sampling
    assert (sampling.temperature, sampling.top_p, sampling.min_p, sampling.seed) == (0.7, 0.9, 0.1, -3)
    assert (sampling.max_tokens, sampling.stop) == (2, ("\n", "."))


def test_an_answer_cut_by_its_length_says_so(house: Build) -> None:
    answer = house().post(max_tokens=2).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["edgewise"]["finish_reason"] == "length"


def test_a_handed_off_answer_streams_as_one(house: Build) -> None:
    home = house(
        local=Script(pieces=["and home"]),
        cloud=Script(pieces=["half ", "never"], fault=CloudTruncated("cut"), fault_after=1),
    )
    answer = home.post(messages=[{"role": "user", "content": HARD}]).json()
    assert answer["choices"][0]["message"]["content"] == "half and home"
    assert answer["edgewise"]["route"] == "handoff"


def test_an_error_before_the_first_piece_has_a_status_of_its_own_also_in_a_stream(house: Build, client: Build) -> None:
    home = house(local=Script(pieces=["never"], fault=InferenceFailed("the runtime failed")))
    with home.open() as url, pytest.raises(openai.InternalServerError) as caught:
        client(url).chat.completions.create(model="edgewise", messages=ASK, stream=True)
    assert caught.value.code == "inference_failed"


def test_an_error_behind_the_first_piece_ends_the_stream_as_an_error(house: Build, client: Build) -> None:
    home = house(local=Script(pieces=["half ", "never"], fault=InferenceFailed("the runtime failed"), fault_after=1))
    with home.open() as url, pytest.raises(openai.APIError, match="the runtime failed"):
        list(client(url).chat.completions.create(model="edgewise", messages=ASK, stream=True))


def test_a_full_window_says_when_it_opens_again(house: Build) -> None:
    home = house(windows=[Window("energy", Resource.DEVICE_JOULES, 100, 3600)])
    home.ledger.reserve(Spend(device_joules=99.9), ttl_s=60)
    response = home.post()
    assert response.status_code == 429
    assert 1 <= int(response.headers["retry-after"]) <= 3600
    assert "x-should-retry" not in response.headers


def test_a_fault_of_ours_tells_nothing_of_its_text(house: Build) -> None:
    response = house(local=Script(pieces=[], fault=ZeroDivisionError("my secret"))).post()
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.json()["error"]["type"] == "server_error"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("silent", [True, False])
def test_a_client_that_leaves_stops_the_model(house: Build, endless: Build, stream: bool, silent: bool) -> None:
    model = endless(silent=silent)
    home = house(local=model)
    with home.open() as url:
        leave_early(url, model.started, stream=stream)
        assert model.stopped.wait(timeout=10)
    assert home.journal.recent(1)[0].error_type == "cancelled"
    assert home.room.taken == 0


def leave_early(url: str, when: threading.Event, *, stream: bool) -> None:
    """Ask, wait until the model runs, and hang up."""

    async def ask() -> None:
        async with httpx.AsyncClient() as client:
            body = {"model": "edgewise", "messages": ASK, "stream": stream, "max_tokens": 100_000}
            task = asyncio.create_task(client.post(f"{url}/v1/chat/completions", json=body, timeout=30))
            assert await asyncio.to_thread(when.wait, 10)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(ask())


def test_a_full_house_turns_away_and_has_room_again(house: Build, endless: Build, client: Build) -> None:
    model = endless(silent=True)
    home = house(local=model, seats=1)
    with home.open() as url:

        async def crowd() -> int:
            async with httpx.AsyncClient() as http:
                body = {"model": "edgewise", "messages": ASK}
                first = asyncio.create_task(http.post(f"{url}/v1/chat/completions", json=body, timeout=30))
                await asyncio.to_thread(model.started.wait, 10)
                second = await http.post(f"{url}/v1/chat/completions", json=body, timeout=30)
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
                assert second.headers["retry-after"] == "1"
                assert second.json()["error"]["code"] == "overloaded"
                return second.status_code

        assert asyncio.run(crowd()) == 503
        assert model.stopped.wait(timeout=10)
    assert home.room.taken == 0


@pytest.mark.parametrize("stream", [True, False])
def test_a_server_that_ends_says_goodbye(house: Build, endless: Build, stream: bool) -> None:
    model = endless(silent=not stream)
    home = house(local=model)
    with home.open() as url:
        answers: list[httpx.Response] = []
        body = {"model": "edgewise", "messages": ASK, "stream": stream, "max_tokens": 100_000}
        asker = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30))
        )
        asker.start()
        assert model.started.wait(timeout=10)
    asker.join(timeout=30)
    assert model.stopped.is_set()
    assert "shutting down" in answers[0].text
    assert answers[0].status_code == (200 if stream else 503)
    assert "[DONE]" not in answers[0].text


def test_what_a_private_record_said_stays_at_home_when_the_client_sends_it_back(house: Build) -> None:
    """Law 1: history comes back as bare text, and its labels with it."""
    home = house(
        local=Script(pieces=["Tuesday at 9:30."]), cloud=Script(pieces=["deep thoughts"]), records=[private_record()]
    )
    question = {"role": "user", "content": "When do I see the dentist?"}
    assert home.post(messages=[question]).json()["edgewise"]["route"] == "local"
    home.engine._planner._context.hits = ()  # the next question finds nothing private by itself
    history = [question, {"role": "assistant", "content": "Tuesday at 9:30.  "}, {"role": "user", "content": HARD}]
    answer = home.post(messages=history, edgewise={"route": "cloud"}).json()["edgewise"]
    assert answer["route"] == "local"
    assert "private" in answer["reason"]
    assert home.cloud.asked == []


def test_an_old_answer_of_unknown_origin_does_not_leave_unless_there_is_nothing_personal(house: Build) -> None:
    history = [*ASK, {"role": "assistant", "content": "Your code is 4711."}, {"role": "user", "content": HARD}]
    for personal in (True, False):
        home = house(cloud=Script(pieces=["deep thoughts"]), personal=personal)
        assert home.post(messages=history).json()["edgewise"]["route"] == "cloud"
        assert ("4711" in str(home.cloud.asked)) is not personal


def test_a_beginning_of_unknown_origin_is_continued_at_home(house: Build) -> None:
    home = house(cloud=Script(pieces=["deep thoughts"]))
    turns = [{"role": "user", "content": HARD}, {"role": "assistant", "content": "Your code is"}]
    assert home.post(messages=turns, edgewise={"route": "cloud"}).json()["edgewise"]["route"] == "local"
    assert home.cloud.asked == []


TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
STRUCTURED: list[dict[str, Any]] = [
    {"response_format": {"type": "json_object"}},
    {"tools": [TOOL]},
    {"tools": [TOOL], "tool_choice": "none"},
    {
        "messages": [
            {"role": "user", "content": HARD},
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "4711"},
        ]
    },
]


@pytest.mark.parametrize("asked", STRUCTURED, ids=["format", "tools", "told of tools", "results"])
def test_a_structured_answer_is_made_at_home_from_its_first_token_to_its_last(
    house: Build, asked: dict[str, Any]
) -> None:
    """However unsure the device is: the way to the cloud carries no form, and half an answer has none."""
    unsure = Script(pieces=["[1, 2] "] * 40, scores=[UNSURE] * 40)
    home = house(local=unsure, cloud=Script(pieces=["deep thoughts"]))
    body = {"messages": [{"role": "user", "content": HARD}]} | asked
    answer = home.post(**body).json()
    assert answer["edgewise"]["route"] == "local"
    assert "has a form or may call tools" in answer["edgewise"]["reason"]
    assert home.cloud.contacts == 0
    if home.local.asked[0].sampling.format:
        assert answer["choices"][0]["message"]["content"].count("[1, 2]") == 40, "what repeats may belong to the form"
    refused = home.post(**body, edgewise={"route": "cloud"})
    assert refused.status_code == 400
    assert "route cloud" in refused.json()["error"]["message"]


def test_one_choice_that_fails_ends_them_all(house: Build) -> None:
    home = house(local=Script(pieces=["half ", "never"], fault=InferenceFailed("the runtime failed"), fault_after=1))
    response = home.post(n=3, temperature=1.0)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "inference_failed")
    assert {row.error_type for row in home.journal.recent(3)} <= {"inference_failed", "cancelled"}


def test_choices_are_paid_for_together(house: Build) -> None:
    home = house(windows=[Window("energy", Resource.DEVICE_JOULES, 1000, 3600)])
    answer = home.post(n=3)
    assert [choice["index"] for choice in answer.json()["choices"]] == [0, 1, 2]
    (state,) = home.ledger.state()
    assert (state.reserved, round(state.spent, 3)) == (0, 4.5)
