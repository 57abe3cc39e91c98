"""The converter on the model that the product uses: its tokens, its answers, and what eight bits cost it."""

from __future__ import annotations

import json
from collections.abc import Sequence as Several
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from edge_agent.slm.closeness import log_softmax
from edge_agent.slm.convert.pipeline import convert
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.pull import original_file
from edge_agent.slm.run import steps_of
from edge_agent.slm.sampling import Floats, Sampler
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from orchestrator.types import Sampling

pytestmark = pytest.mark.model

QUESTIONS = [
    "What do bees make?",
    "Why is the sky blue?",
    "Name three rivers in Europe.",
    "Explain what a database index is.",
]


@pytest.fixture(scope="module")
def folders(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The model in full precision and as it is shipped."""
    exact = tmp_path_factory.mktemp("smollm2") / "exact"
    convert(original_file("smollm2-135m-instruct"), exact, recipe="exact")
    return {"exact": exact, "shipped": smollm2}


@pytest.fixture(scope="module")
def tokenizer(folders: dict[str, Path]) -> Tokenizer:
    return Tokenizer.from_file(str(folders["shipped"] / "tokenizer.json"))


@pytest.fixture(scope="module")
def decoders(folders: dict[str, Path]) -> dict[str, Decoder]:
    return {
        recipe: Decoder(
            Session.open(folder / "model.onnx", threads=2),
            window=512,
            weight_bytes=0,
        )
        for recipe, folder in folders.items()
    }


def answer(decoder: Decoder, prompt: Several[int], limit: int) -> list[int]:
    """The greedy answer, with its end token where it ends within `limit`."""
    steps = steps_of(decoder, decoder.new_cache(), Sequence(prompt, Sampler(Sampling())), Interrupt())
    tokens: list[int] = []
    for step in steps:
        if step.choice is not None:
            tokens.append(step.choice.token)
        if len(tokens) == limit or tokens[-1:] == [2]:
            break
    return tokens


def chat(tokenizer: Tokenizer, question: str) -> list[int]:
    text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    ids: list[int] = tokenizer.encode(text).ids
    return ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # From the publisher's own tokenizer.
        ("The capital of France is", [504, 3575, 282, 4649, 314]),
        ("Hello world! 123", [19556, 905, 17, 216, 33, 34, 35]),
        ("Café déjà vu.", [51, 1939, 2756, 32564, 90, 16739, 386, 101, 30]),
        ("  multiple   spaces", [216, 2701, 256, 5600]),
        ("<|im_start|>\n", [1, 198]),
    ],
)
def test_tokens(tokenizer: Tokenizer, text: str, ids: list[int]) -> None:
    assert tokenizer.encode(text).ids == ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_what_the_file_says_is_kept(folders: dict[str, Path]) -> None:
    config = json.loads((folders["shipped"] / "config.json").read_text())
    assert (config["max_position_embeddings"], config["eos_token_id"]) == (8192, [2, 0])
    settings = json.loads((folders["shipped"] / "tokenizer_config.json").read_text())
    assert "You are a helpful AI assistant named SmolLM" in settings["chat_template"]


def test_an_answer_makes_sense(decoders: dict[str, Decoder], tokenizer: Tokenizer) -> None:
    said = tokenizer.decode(answer(decoders["shipped"], chat(tokenizer, "What is the capital of France?"), 30))
    assert "Paris" in said


def test_eight_bits_agree_with_full_precision(decoders: dict[str, Decoder], tokenizer: Tokenizer) -> None:
    """Teacher-forced along the answers: nearly always the same likeliest token, and a small divergence."""
    agreed: list[Any] = []
    divergences: list[Any] = []
    for question in QUESTIONS:
        prompt = chat(tokenizer, question)
        tokens = [*prompt, *answer(decoders["shipped"], prompt, 80)]
        scores = {name: logits(decoder, tokens)[len(prompt) - 1 : -1] for name, decoder in decoders.items()}
        exact, rounded = scores["exact"], scores["shipped"]
        agreed.append(exact.argmax(-1) == rounded.argmax(-1))
        p, q = log_softmax(exact), log_softmax(rounded)
        divergences.append((np.exp(p) * (p - q)).sum(-1))
    agreement, divergence = np.concatenate(agreed).mean(), np.concatenate(divergences).mean()
    assert agreement >= 0.96, (agreement, divergence)
    assert divergence <= 0.01, (agreement, divergence)


def logits(decoder: Decoder, tokens: Several[int]) -> Floats:
    return decoder.forward(decoder.new_cache(), tokens, Interrupt(), keep=len(tokens))
