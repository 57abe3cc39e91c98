"""From logits to the next token, and how sure the model was of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.errors import InferenceFailed, InvalidRequest
from orchestrator.types import Sampling, TokenScore

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_SEED_BITS = (1 << 64) - 1
_LOWEST = np.finfo(np.float32).min


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen token. `score` is the model's own view of it: temperature and truncation play no part there."""

    token: int
    score: TokenScore


class Sampler:
    """Chooses tokens for one answer. The same `Sampling` over the same logits gives the same tokens (law 5).

    One uniform number is drawn for every token and looked up in the cumulative distribution, in the order of token
    ids: a sequence of choices depends on the seed and the logits alone.
    """

    def __init__(self, sampling: Sampling) -> None:
        """Args:
            sampling: how to choose; `max_tokens` and `stop` are not looked at here.

        Raises:
            InvalidRequest: a value outside its range.
        """
        _check(sampling)
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed & _SEED_BITS)

    def choose(self, logits: Floats, allowed: NDArray[np.bool_] | None = None) -> Choice:
        """The next token.

        Args:
            logits: one row, [V].
            allowed: which tokens may come, [V]; None where all may. The score does not look at it.

        Raises:
            InferenceFailed: a logit is NaN or +inf, or all are -inf.
        """
        open_to = logits if allowed is None else np.where(allowed, logits, -np.inf).astype(np.float32, copy=False)
        if self._sampling.temperature == 0.0:
            token = int(open_to.argmax())
        else:
            cumulative = np.cumsum(distribution(open_to, self._sampling))
            drawn = self._random.random() * cumulative[-1]
            token = int(np.searchsorted(cumulative, drawn, side="right"))
        return Choice(token, score(logits, token))


def score(logits: Floats, token: int) -> TokenScore:
    """Log-probability of `token` and entropy of the whole distribution softmax(`logits`), in nats.

    With s = logits - max and Z = sum(exp(s)): log p = s[token] - log Z, and H = log Z - sum(exp(s) * s) / Z.

    Args:
        logits: one row, [V]; -inf is a token that cannot come.

    Raises:
        InferenceFailed: a logit is NaN or +inf, or all are -inf.
    """
    shifted = logits - _peak(logits)
    weights = np.exp(shifted)
    total = float(weights.sum(dtype=np.float64))
    # exp(-inf) * -inf would be NaN, and its limit is 0.
    mean = float(np.dot(weights, np.maximum(shifted, _LOWEST))) / total
    log_total = float(np.log(total))
    return TokenScore(float(shifted[token]) - log_total, max(0.0, log_total - mean))


def distribution(logits: Floats, sampling: Sampling) -> Doubles:
    """The probabilities [V] that `sampling` draws from; they sum to 1.

    Temperature first; then, both measured on the tempered distribution, min-p (Nguyen et al. 2024: at least `min_p`
    times the likeliest token's probability) and top-p (Holtzman et al. 2019: the smallest set of likeliest tokens that
    holds at least `top_p`). What both keep is renormalised. Temperature 0 puts everything on the first likeliest token.

    Raises:
        InferenceFailed: a logit is NaN or +inf, or all are -inf.
    """
    shifted = logits.astype(np.float64) - _peak(logits)  # float32 would make neighbours equal
    if sampling.temperature == 0.0:
        probabilities = np.zeros(len(logits))
        probabilities[int(shifted.argmax())] = 1.0
        return probabilities
    with np.errstate(over="ignore"):  # a tiny temperature sends the others to -inf, as it should
        probabilities = np.exp(shifted / sampling.temperature)
    probabilities /= probabilities.sum()
    kept = probabilities >= sampling.min_p * probabilities.max()
    if sampling.top_p < 1.0:
        kept &= _nucleus(probabilities, sampling.top_p)
    probabilities[~kept] = 0.0
    probabilities /= probabilities.sum()
    return probabilities


def _nucleus(probabilities: Doubles, top_p: float) -> NDArray[np.bool_]:
    """Mask [V] of the smallest set that holds `top_p`: of equally likely tokens the lower id goes in first.

    Only tokens above (1 - top_p) / V are sorted, a few hundred of tens of thousands: the others together hold at most
    1 - top_p, so the set is complete without them.
    """
    likely = np.flatnonzero(probabilities > (1.0 - top_p) / len(probabilities))
    order = likely[np.argsort(-probabilities[likely], kind="stable")]
    size = int(np.searchsorted(np.cumsum(probabilities[order]), top_p, side="left")) + 1
    kept = np.zeros(len(probabilities), dtype=np.bool_)
    kept[order[:size]] = True
    return kept


def _peak(logits: Floats) -> np.float32:
    """The largest logit, which shows at once whether the row is usable: max() hands NaN on."""
    peak = logits.max()
    if not np.isfinite(peak):
        raise InferenceFailed(
            f"the model's logits are not numbers (largest: {peak})",
            remedy="pull the model again; if it stays, its quantisation does not suit this processor",
        )
    return np.float32(peak)


def _check(sampling: Sampling) -> None:
    """Refuse values outside their range, naming each."""
    rules = (
        (sampling.temperature >= 0.0 and np.isfinite(sampling.temperature), "temperature", "0 or more"),
        (0.0 < sampling.top_p <= 1.0, "top_p", "above 0 and at most 1"),
        (0.0 <= sampling.min_p <= 1.0, "min_p", "from 0 to 1"),
        (sampling.max_tokens >= 1, "max_tokens", "1 or more"),
        (all(sampling.stop), "stop", "strings that are not empty"),
    )
    for holds, name, wanted in rules:
        if not holds:
            raise InvalidRequest(f"sampling.{name} is out of range", remedy=f"it has to be {wanted}")
