"""However long a conversation gets, what was promised in it is in the prompt, or recalled for the question after it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context.conversations import Exchange
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.turns import THREADS
from edge_agent.context.wording import sentence
from orchestrator.prompt import Composer
from orchestrator.testing import count_words
from orchestrator.types import Message, Sensitivity

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
COMPOSER = Composer(wording=sentence, count_tokens=count_words, system="Be brief.", records_tokens=60)

THINGS = ("ladder", "kettle", "violin", "passport", "hammock", "telescope", "casserole", "wheelbarrow")
PEOPLE = ("Uma", "Tomasz", "Ingrid", "Leila")
PROMISES = [
    (f"I promise to bring the {thing} to {name}.", f"What did I promise to bring to {name}, the {thing}?")
    for thing, name in product(THINGS, PEOPLE)
]
PROMISES_OF_THE_AGENT = [
    (f"I will remind you of the {thing} on Friday.", f"What did you promise about the {thing}?") for thing in THINGS
]
SMALL_TALK = ("What is the tallest tree?", "Tell me about rivers.", "Is tea older than coffee?", "How do clouds form?")
REPLIES = ("It is a redwood of great age.", "They run to the sea.", "Much older, people say.", "Water rises and cools.")

Turn = tuple[str, str, str]
"""A question, an answer, and the later question for the promise in one of them; empty if there is none."""
chatter = st.tuples(st.sampled_from(SMALL_TALK), st.sampled_from(REPLIES), st.just(""))
of_user = st.builds(
    lambda promise, reply: (promise[0], reply, promise[1]), st.sampled_from(PROMISES), st.sampled_from(REPLIES)
)
of_agent = st.builds(
    lambda ask, promise: (ask, promise[0], promise[1]),
    st.sampled_from(SMALL_TALK),
    st.sampled_from(PROMISES_OF_THE_AGENT),
)


@settings(max_examples=25)
@given(
    st.lists(st.one_of(chatter, chatter, of_user, of_agent), min_size=1, max_size=40),
    st.integers(120, 400),
    st.sampled_from(list(Sensitivity)),
)
def test_every_promise_is_shown_or_recalled_and_no_prompt_exceeds_the_window(
    turns: list[Turn], window: int, label: Sensitivity
) -> None:
    with TemporaryDirectory() as folder, SqliteContextStore(Path(folder) / "context.db") as store:
        for question, answer, _ in turns:
            store.conversations.add("c", Exchange(question, answer, NOW, label))
        said = [message for exchange in store.conversations.exchanges("c") for message in exchange.messages]
        for question, answer, later in turns:
            asked = later or "And what is a glacier?"
            recalled = store.recall(asked, limit=8, now=NOW, conversation=THREADS + "c")
            prompt = COMPOSER.compose([*said, Message("user", asked)], recalled, now=NOW, window_tokens=window)
            assert prompt.tokens == count_words(prompt.messages) <= window
            if prompt.messages[0].text != "Be brief.":
                assert Sensitivity.highest([message.sensitivity for message in prompt.messages]).rank >= label.rank
            if later:
                promise = question if question.startswith("I promise") else answer
                assert promise in "\n".join(message.text for message in prompt.messages)
