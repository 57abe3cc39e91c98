"""One answer in the making: whatever is drafted, and however wrongly, the tokens are the same."""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.rounding import Rounding
from edge_agent.slm.run import steps_of
from edge_agent.slm.sampling import Choice, Sampler
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from orchestrator.types import Sampling


class Oracle:
    """Knows the answer, and errs at some places of it."""

    def __init__(self, whole: Tokens[int], errors: set[int], vocabulary: int = 300) -> None:
        self._whole = [(token + 1) % vocabulary if at in errors else token for at, token in enumerate(whole)]

    def propose(self, tokens: Tokens[int], most: int) -> list[int]:
        return self._whole[len(tokens) : len(tokens) + most]

    def take_bytes(self) -> int:
        return 0


class Letters:
    """Only tokens of a set, and after every 40 the pair 41, 42; done after so many tokens."""

    def __init__(self, allowed: Tokens[int], length: int) -> None:
        self._mask = np.zeros(300, np.bool_)
        self._mask[[*allowed, 40]] = True
        self._length = length
        self._written: list[int] = []

    @property
    def complete(self) -> bool:
        return len(self._written) >= self._length

    def mask(self) -> NDArray[np.bool_]:
        return self._mask_behind(self._written)

    def advance(self, token: int) -> None:
        assert self.mask()[token]
        self._written.append(token)

    def forced(self) -> list[int]:
        if self._written[-1:] == [40]:
            return [41, 42]
        return [42] if self._written[-2:] == [40, 41] else []

    def accepts(self, tokens: Tokens[int]) -> int:
        written = self._written.copy()
        for count, token in enumerate(tokens):
            if not self._mask_behind(written)[token]:
                return count
            written.append(token)
        return len(tokens)

    def _mask_behind(self, written: list[int]) -> NDArray[np.bool_]:
        ends = {(40,): 41, (40, 41): 42}
        wanted = ends.get(tuple(written[-1:])) or ends.get(tuple(written[-2:]))
        return self._mask if wanted is None else np.arange(300) == wanted


class Near(Rounding):
    """Takes small differences for none: they change no token of a model with full precision."""

    drafts = True


def choices(shared: Session, sequence: Sequence, count: int) -> list[Choice]:
    decoder = Decoder(shared, window=512, weight_bytes=0)
    steps = steps_of(decoder, decoder.new_cache(), sequence, Interrupt(), Near(decoder))
    return [step.choice for step in islice((step for step in steps if step.choice), count) if step.choice]


@given(
    prompt=st.lists(st.integers(3, 299), min_size=2, max_size=20),
    errors=st.sets(st.integers(0, 60)),
    temperature=st.sampled_from([0.0, 0.9]),
)
def test_a_draft_changes_no_token(shared: Session, prompt: list[int], errors: set[int], temperature: float) -> None:
    sampling = Sampling(temperature=temperature, seed=5)
    plain = choices(shared, Sequence(prompt, Sampler(sampling)), 30)
    written = [choice.token for choice in plain]
    oracle = Oracle([*prompt, *written], errors)
    drafted = choices(shared, Sequence(prompt, Sampler(sampling), drafter=oracle), 30)
    assert [choice.token for choice in drafted] == written
    for left, right in zip(plain, drafted, strict=True):
        np.testing.assert_allclose(left.score.logprob, right.score.logprob, atol=1e-3)


@given(prompt=st.lists(st.integers(3, 299), min_size=2, max_size=20), errors=st.sets(st.integers(0, 40)))
def test_a_constraint_holds_with_and_without_a_draft(shared: Session, prompt: list[int], errors: set[int]) -> None:
    allowed = list(range(50, 60))
    plain = Sequence(prompt, Sampler(Sampling(temperature=2.0, seed=1)), constraint=Letters(allowed, 20))
    tokens = [choice.token for choice in choices(shared, plain, 20)]
    assert {*tokens} <= {*allowed, 40, 41, 42}
    oracle = Oracle([*prompt, *tokens], errors)
    guided = Sequence(
        prompt, Sampler(Sampling(temperature=2.0, seed=1)), drafter=oracle, constraint=Letters(allowed, 20)
    )
    assert [choice.token for choice in choices(shared, guided, 20)] == tokens


def test_what_is_forced_comes_first() -> None:
    constraint = Letters([50, 51], 10)
    oracle = Oracle([5, 6, 40, 41, 42, 50, 60], set())
    sequence = Sequence([5, 6], Sampler(Sampling()), drafter=oracle, constraint=constraint)
    rows = np.zeros((1, 300), np.float32)
    rows[0, 40] = 1
    assert [choice.token for choice in sequence.accept([], rows)] == [40]
    assert sequence.draft(1) == [41]
    assert sequence.draft(8) == [41, 42, 50]  # 60 is not allowed
    rows = np.zeros((4, 300), np.float32)
    rows[2, 51] = 1
    assert [choice.token for choice in sequence.accept([41, 42, 50], rows)] == [41, 42, 51]
    assert (sequence.tokens, sequence.written) == ([5, 6, 40, 41, 42, 51], 4)


def test_an_answer_that_is_complete_takes_no_more_of_its_draft() -> None:
    sequence = Sequence([5], Sampler(Sampling()), constraint=Letters([50], 2))
    rows = np.zeros((3, 300), np.float32)
    rows[:, 50] = 1
    assert [choice.token for choice in sequence.accept([50, 50], rows)] == [50, 50]
