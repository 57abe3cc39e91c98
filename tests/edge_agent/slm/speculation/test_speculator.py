"""A draft changes nothing but time: the same tokens, the same scores, the same distribution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence as Tokens
from pathlib import Path

import numpy as np
import pytest

from benchmarks.slm.prompts import Prompts
from benchmarks.speculation import FREE
from edge_agent.slm.cache import KVCache
from edge_agent.slm.convert.pipeline import convert
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.providers import CPU
from edge_agent.slm.pull import original_file
from edge_agent.slm.rounding import Rounding
from edge_agent.slm.run import steps_of
from edge_agent.slm.sampling import Choice, Sampler, distribution
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from edge_agent.slm.speculation.costs import PassCosts
from edge_agent.slm.speculation.draft_model import DraftModel, draft_pace
from edge_agent.slm.speculation.opening import open_draft
from edge_agent.slm.speculation.speculator import Speculator
from orchestrator.clock import SystemClock
from orchestrator.types import Sampling

MOST = 12


class Fixed:
    """Always the same guess."""

    def __init__(self, guess: Tokens[int]) -> None:
        self._guess = list(guess)

    def propose(self, tokens: Tokens[int], most: int) -> list[int]:
        return self._guess[:most]

    def take_bytes(self) -> int:
        return 0


def far_from(counts: Counter[int], probabilities: dict[int, float]) -> float:
    """Pearson's chi-square in standard deviations above its mean; outcomes expected under five times are one."""
    total = sum(counts.values())
    likely = {outcome: p * total for outcome, p in probabilities.items() if p * total >= 5}
    found = [counts[outcome] for outcome in likely]
    expected = [*likely.values(), total - sum(likely.values())]
    found.append(total - sum(found))
    terms = [(f - e) ** 2 / e for f, e in zip(found, expected, strict=True) if e >= 5]
    freedom = max(1, len(terms) - 1)
    return float((sum(terms) - freedom) / (2 * freedom) ** 0.5)


@pytest.mark.parametrize("guess", [[0, 0], [1, 2], [5, 1]])
def test_a_drafted_answer_has_the_distribution_of_a_plain_one(guess: list[int]) -> None:
    """All pairs of tokens of a model that is a table: the second depends on the first."""
    table = np.random.default_rng(4).standard_normal((6, 6)).astype(np.float32) * 1.5
    sampling = Sampling(temperature=0.8, top_p=0.95)
    pairs: Counter[int] = Counter()
    for seed in range(4000):
        sequence = Sequence(
            [3], Sampler(Sampling(temperature=0.8, top_p=0.95, seed=seed)), drafter=Fixed(guess), constraint=None
        )
        while sequence.written < 2:
            drafted = sequence.draft(2)
            sequence.accept(drafted, table[[sequence.tokens[-1], *drafted]])
        first, second = sequence.tokens[1:3]
        pairs[6 * first + second] += 1
    shares = [distribution(row, sampling) for row in table]
    wanted = {6 * a + b: shares[3][a] * shares[a][b] for a in range(6) for b in range(6)}
    assert far_from(pairs, wanted) < 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 as it is converted now, whatever is installed."""
    made = tmp_path_factory.mktemp("models") / "whole"
    convert(original_file("smollm2-135m-instruct"), made)
    return made


@pytest.fixture(scope="module")
def decoder(folder: Path) -> Decoder:
    files = ModelFolder(folder)
    session = Session.open(files.graph, threads=2, providers=CPU, sizes=files.sizes)
    return Decoder(session, window=1024, weight_bytes=1, steady=True)


@pytest.fixture(scope="module")
def prompts(folder: Path) -> list[list[int]]:
    asked = Prompts(folder)
    return [list(prompt.tokens) for prompt in (*asked.grounded(20), *map(asked.question, FREE))]


@pytest.fixture(scope="module")
def pruned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 without three of its thirty layers."""
    folder = tmp_path_factory.mktemp("models") / "pruned"
    convert(original_file("smollm2-135m-instruct"), folder, recipe="q8", layers=[*range(24), 27, 28, 29])
    return folder


@pytest.fixture(scope="module")
def rounding(decoder: Decoder) -> Rounding:
    return Rounding(decoder)


def answer(
    decoder: Decoder, cache: KVCache, sequence: Sequence, rounding: Rounding | None = None
) -> tuple[list[Choice], int]:
    """What was chosen, and in how many passes; without `rounding`, nothing is drafted."""
    choices: list[Choice] = []
    passes = 0
    for step in steps_of(decoder, cache, sequence, Interrupt(), rounding):
        if step.choice is not None:
            choices.append(step.choice)
            passes += step.bytes_moved > 0
            if len(choices) == MOST:
                break
    return choices, passes


@pytest.mark.model
@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_answers_are_the_same_token_by_token(
    decoder: Decoder, rounding: Rounding, prompts: list[list[int]], temperature: float
) -> None:
    """Forty of the likeliest tokens; a few with drawn ones, where the same seed draws the same."""
    speculator, passes, tokens = Speculator(decoder), 0, 0
    assert len(prompts) >= 40
    sampling = Sampling(temperature=temperature, seed=7)
    for prompt in prompts if temperature == 0.0 else prompts[:6]:
        cache = decoder.new_cache()
        plain, _ = answer(decoder, cache, Sequence(prompt, Sampler(sampling)))
        drafter = speculator.drafter()
        drafted, taken = answer(decoder, cache, Sequence(prompt, Sampler(sampling), drafter=drafter), rounding)
        assert drafted == plain  # their scores, too, bit for bit
        passes, tokens = passes + taken, tokens + len(drafted)
    assert rounding.drafts
    assert passes < 0.9 * tokens


@pytest.mark.model
def test_drafted_tokens_have_the_distribution_of_the_models_logits(decoder: Decoder, prompts: list[list[int]]) -> None:
    prompt, sampling = prompts[-1], Sampling(temperature=0.7, top_p=0.9)
    cache, interrupt = decoder.new_cache(), Interrupt()
    while len(cache) < len(prompt):
        behind = decoder.read(cache, prompt, interrupt)
    first, guess = distribution(behind[0], sampling), [int(behind[0].argmax())]
    rows = np.concatenate([behind, decoder.forward(cache, guess, interrupt)])
    second = distribution(rows[1], sampling)
    counts: Counter[int] = Counter()
    behind_guess: Counter[int] = Counter()
    for seed in range(1200):
        sequence = Sequence(prompt, Sampler(Sampling(temperature=0.7, top_p=0.9, seed=seed)), drafter=Fixed(guess))
        chosen = [choice.token for choice in sequence.accept(sequence.draft(1), rows)]
        counts[chosen[0]] += 1
        behind_guess.update(chosen[1:])
    assert 0 < behind_guess.total() < counts.total()
    assert far_from(counts, dict(enumerate(first.tolist()))) < 4
    assert far_from(behind_guess, dict(enumerate(second.tolist()))) < 4


@pytest.mark.model
def test_a_pruned_model_drafts_for_the_whole_one(
    decoder: Decoder, rounding: Rounding, prompts: list[list[int]], folder: Path, pruned_folder: Path
) -> None:
    draft = open_draft(pruned_folder, folder, threads=2, providers=CPU)
    costs = PassCosts()
    costs.observe(1, 1e6)  # so that whatever the draft model does is cheap, and it drafts
    for prompt in prompts[-4:]:
        cache = decoder.new_cache()
        plain, _ = answer(decoder, cache, Sequence(prompt, Sampler(Sampling())))
        wanted = prompt + [choice.token for choice in plain]
        drafter = DraftModel(draft, draft_pace(costs), costs, SystemClock(), vocabulary=decoder.vocabulary)
        right = sum(drafter.propose(wanted[:at], 1) == wanted[at : at + 1] for at in range(len(prompt), len(wanted)))
        assert 0 < right <= len(plain)
        speculator = Speculator(decoder, draft=draft)
        drafted, _ = answer(
            decoder, cache, Sequence(prompt, Sampler(Sampling()), drafter=speculator.drafter()), rounding
        )
        assert drafted == plain
