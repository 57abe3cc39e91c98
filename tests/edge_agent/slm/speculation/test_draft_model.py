"""A smaller model guesses ahead, and knows when it does not pay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from edge_agent.slm.convert.synthetic import tiny_config, write_synthetic_model
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.providers import CPU
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session
from edge_agent.slm.speculation.costs import PassCosts
from edge_agent.slm.speculation.draft_model import DraftModel, draft_pace
from edge_agent.slm.speculation.opening import open_draft
from edge_agent.slm.speculation.pace import Pace
from orchestrator.errors import ConfigError, InferenceFailed

PROMPT = [5, 17, 80, 33, 120]


class Ticking:
    """A clock on which every pass takes as long."""

    def __init__(self, step_s: float) -> None:
        self._times = (turn * step_s for turn in range(1_000_000))

    def monotonic(self) -> float:
        return next(self._times)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def target_costs() -> PassCosts:
    """A pass over one token takes a second, each further token a tenth of it."""
    costs = PassCosts()
    costs.observe(1, 1.0)
    costs.observe(2, 1.1)
    return costs


def believing(share: float) -> Pace:
    return Pace(target_costs(), [share] * 8)


def drafter(
    session: Session, pace: Pace, *, pass_s: float = 0.1, window: int = 512, decoder: Decoder | None = None
) -> DraftModel:
    decoder = decoder or Decoder(session, window=window, weight_bytes=1000)
    return DraftModel(decoder, pace, target_costs(), Ticking(pass_s), vocabulary=300)


def greedy(session: Session, prompt: Sequence[int]) -> Iterator[int]:
    decoder, interrupt = Decoder(session, window=512, weight_bytes=0), Interrupt()
    cache, tokens = decoder.new_cache(), list(prompt)
    while True:
        token = int(decoder.forward(cache, tokens, interrupt)[0].argmax())
        yield token
        tokens = [token]


def test_it_drafts_what_the_smaller_model_finds_likeliest(shared: Session) -> None:
    model, best = drafter(shared, believing(0.95)), greedy(shared, PROMPT)
    wanted = [next(best) for _ in range(12)]
    guess = model.propose(PROMPT, 4)
    assert guess == wanted[:4]
    assert model.take_bytes() >= 4 * 1000  # the weights, once a pass
    assert model.take_bytes() == 0
    # Half of it came, then something else: what was drafted in vain is taken back.
    other = [*PROMPT, *guess[:2], (guess[2] + 1) % 300]
    best = greedy(shared, other)
    assert model.propose(other, 3) == [next(best) for _ in range(3)]


def test_it_stops_where_one_token_more_does_not_pay(shared: Session) -> None:
    assert len(drafter(shared, believing(0.95)).propose(PROMPT, 16)) > 4
    assert len(drafter(shared, believing(0.5)).propose(PROMPT, 16)) < 4
    assert drafter(shared, believing(0.05)).propose(PROMPT, 16) == []


def test_a_slow_draft_model_is_left_alone(shared: Session) -> None:
    slow = drafter(shared, believing(0.8), pass_s=2.0)
    tokens = [*PROMPT]
    for _ in range(4):
        tokens += [*slow.propose(tokens, 8), 7]
    assert slow.propose(tokens, 8) == []


def test_a_draft_model_that_errs_is_left_alone(shared: Session) -> None:
    pace = draft_pace(target_costs())
    tokens, proposed = [*PROMPT], []
    decoder = Decoder(shared, window=512, weight_bytes=0)
    model = drafter(shared, pace, pass_s=0.3, decoder=decoder)
    for turn in range(100):
        guess = model.propose(tokens, 8)
        proposed.append(len(guess))
        tokens.append((guess[0] + 1) % 300 if guess else turn)
    assert any(proposed[:20])
    assert not any(proposed[50:])
    assert drafter(shared, pace, decoder=decoder).propose(PROMPT, 8) == []  # the next sequence knows


def test_it_reads_only_the_end_of_a_long_prompt(shared: Session) -> None:
    prompt = np.random.default_rng(3).integers(3, 299, 400).tolist()
    model, best = drafter(shared, believing(0.95), window=80), greedy(shared, prompt[-64:])
    assert model.propose(prompt, 3) == [next(best) for _ in range(3)]
    assert model.propose([*prompt, *range(100, 120)], 8) == []  # beyond the draft model's window


def test_a_draft_that_cannot_be_had_is_no_draft(shared: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    model = drafter(shared, believing(0.95))
    forward = Decoder.forward

    def failing(*_args: object, **_kwargs: object) -> Floats:
        raise InferenceFailed("out of memory")

    monkeypatch.setattr(Decoder, "forward", failing)
    assert model.propose(PROMPT, 4) == []
    monkeypatch.setattr(Decoder, "forward", forward)
    best = greedy(shared, PROMPT)
    assert model.propose(PROMPT, 2) == [next(best), next(best)]


def test_another_vocabulary_is_refused_by_name(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    write_synthetic_model(folder, config=tiny_config(layers=1))
    tokenizer = folder / "tokenizer.json"
    assert open_draft(folder, tiny_folder, threads=1, providers=CPU).vocabulary == 300
    tokenizer.write_text(tokenizer.read_text(encoding="utf-8").replace("<|im_end|>", "<|turn_end|>"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"stranger cannot draft for tiny"):
        open_draft(folder, tiny_folder, threads=1, providers=CPU)
