"""How likely an answer is right, read off what the model thought of its own tokens so far.

A calibrated logistic regression, in the manner of Platt (1999): what was expected of the answer before it began is the
start, and each sign of doubt in its tokens moves the log-odds. So the probe says what the tokens add, whatever the kind
of question is, and an answer of no tokens says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from statistics import fmean
from typing import Final

import msgspec

from orchestrator.errors import ConfigError
from orchestrator.types import TokenScore

VERSION: Final = 1
_REFIT: Final = "fit it again: python -m benchmarks.pair fit"
_SURE: Final = 1e-3
"""No chance before the first token is nearer to 0 or 1 than this: tokens could not move it."""


def signals_of(tokens: Sequence[TokenScore]) -> dict[str, float]:
    """What the tokens of an answer show, by name. Log-probabilities and entropies in nats.

    Args:
        tokens: at least one; those of the answer so far, or of all of it.
    """
    logprobs = [token.logprob for token in tokens]
    entropies = [token.entropy for token in tokens]
    half = len(logprobs) // 2
    return {
        "first_logprob": logprobs[0],
        "first_entropy": entropies[0],
        "mean_logprob": fmean(logprobs),
        "least_logprob": min(logprobs),
        "trend": fmean(logprobs[half:]) - fmean(logprobs[:half]) if half else 0.0,
        "mean_entropy": fmean(entropies),
        "most_entropy": max(entropies),
        "length": math.log(len(logprobs)),
    }


SIGNALS: Final = tuple(signals_of([TokenScore(0.0, 0.0)]))
"""The names of the signals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What each signal is worth, in log-odds for one unit above `centre`.

    Attributes:
        model: whose tokens it was fitted on; empty for the prior.
        fitted_on: in words: how many answers, of which sets.
        checkpoints: after how many tokens an unfinished answer is judged, rising.
        trust: how much of what was expected before stays, as a factor of its log-odds.
        bias: log-odds that are added whatever the tokens are.
        weights: signal → log-odds a unit; one that is not named counts nothing.
        centre: signal → the value that says nothing either way.
    """

    model: str = ""
    fitted_on: str = ""
    checkpoints: tuple[int, ...]
    trust: float = 1.0
    bias: float = 0.0
    weights: Mapping[str, float]
    centre: Mapping[str, float]

    def chance(self, before: float, tokens: Sequence[TokenScore]) -> float:
        """The chance that the answer is right, 0 to 1.

        Args:
            before: the chance that was expected before it began, 0 to 1.
            tokens: of the answer so far; none leaves the expectation as it is.
        """
        if not tokens:
            return before
        seen = signals_of(tokens)
        moved = sum(weight * (seen[name] - self.centre[name]) for name, weight in self.weights.items())
        return _logistic(self.trust * _log_odds(before) + self.bias + moved)

    @classmethod
    def for_model(cls, model: str) -> Probe:
        """The fitted probe of the model that it was fitted on; for any other model `PRIOR`."""
        shipped = cls.read((resources.files("orchestrator.routing") / "probe.json").read_bytes())
        return shipped if shipped.model == model else PRIOR

    @classmethod
    def load(cls, path: Path) -> Probe:
        """A probe that was fitted anew.

        Raises:
            ConfigError: there is no such file, or it is no probe of these signals.
        """
        try:
            return cls.read(path.read_bytes())
        except OSError:
            raise ConfigError(f"the probe {path} cannot be read", remedy="name another file") from None

    @classmethod
    def read(cls, data: bytes) -> Probe:
        """A probe from its JSON.

        Raises:
            ConfigError: it is none, or was fitted on signals that are not known here.
        """
        try:
            file = msgspec.json.decode(data, type=_File)
        except msgspec.DecodeError as error:
            raise ConfigError(f"that is no probe: {error}", remedy=_REFIT) from None
        probe = file.probe
        strange = sorted({*probe.weights, *probe.centre} - set(SIGNALS))
        if file.version != VERSION or strange or set(probe.weights) - set(probe.centre):
            found = f"version {file.version}" if file.version != VERSION else ", ".join(strange) or "no centres"
            raise ConfigError(f"the probe is of other signals than are known here: {found}", remedy=_REFIT)
        return probe

    def to_json(self) -> bytes:
        """The inverse of `read`."""
        return msgspec.json.format(msgspec.json.encode(_File(VERSION, self)), indent=2) + b"\n"


@dataclass(frozen=True, slots=True)
class _File:
    version: int
    probe: Probe


PRIOR: Final = Probe(
    checkpoints=(12,), weights={"mean_logprob": 1.5}, centre={"mean_logprob": -0.8}, fitted_on="nothing: set by hand"
)
"""For models without a probe of their own.

The mean log-probability of an answer's tokens tells right from wrong answers of small models somewhat; the weight is
cautious. An answer at -0.8 nats a token says nothing, and one at -1.6 takes two thirds off the odds.
"""


def _log_odds(chance: float) -> float:
    chance = min(1 - _SURE, max(_SURE, chance))
    return math.log(chance / (1 - chance))


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds)) if log_odds >= 0 else 1 - 1 / (1 + math.exp(log_odds))
