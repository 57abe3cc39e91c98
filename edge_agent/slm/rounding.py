"""Whether passes of different shapes round alike."""

from __future__ import annotations

from functools import cached_property

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.sampling import Floats
from orchestrator.errors import InferenceFailed

_READ, _CHECKED, _ROWS = 17, 3, 2


class Rounding:
    """Which passes may stand in for plain ones, on this machine and with this graph. Measured when first asked.

    A token's logits are sums, and kernels for one token, for several of one sequence and for one each of several
    sequences may add up in another order. The differences are in the seventh digit, but activations that are rounded to
    eight bits carry them on: for SmolLM2 with float32 keys and values they reach 1.9 in a logit, and the likeliest
    token is another in 2.6 % of all places. No margin between the first and the second token is safe then. So a kind of
    pass is used only where it was seen to give the same bits, and law 5 holds by construction: what was batched or
    drafted is what plain decoding makes.

    What is compared are a few tokens behind a short text, one pass of each kind: which kernel runs depends on shapes,
    not on values. `tests/edge_agent/slm/test_rounding.py` compares whole answers.
    """

    def __init__(self, decoder: Decoder) -> None:
        """Args:
        decoder: of the graph; it is asked for caches of its own.
        """
        self._decoder = decoder

    @cached_property
    def drafts(self) -> bool:
        """Whether passes over several tokens of a sequence round as passes over one: drafts change no token.

        Raises:
            InferenceFailed: the runtime failed.
        """
        return draft_difference(self._decoder) == 0.0

    @cached_property
    def batches(self) -> bool:
        """Whether a pass over one token each of several sequences rounds as passes over each alone.

        Not where a graph takes no more than one sequence.
        """
        if not self._decoder.batches:
            return False
        try:
            return batch_difference(self._decoder) == 0.0
        except InferenceFailed:
            return False


def draft_difference(decoder: Decoder) -> float:
    """The largest difference between a logit of a pass over some tokens and the same of passes over one each.

    Five passes over a handful of tokens: some 50 ms on a small model.

    Raises:
        InferenceFailed: the runtime failed.
    """
    interrupt = Interrupt()
    tokens = _some_tokens(decoder, _READ + _CHECKED)
    alone, together = decoder.new_cache(), decoder.new_cache()
    for cache in (alone, together):
        decoder.forward(cache, tokens[:_READ], interrupt)
    rows = decoder.forward(together, tokens[_READ:], interrupt, keep=_CHECKED)
    return max(
        _difference(decoder.forward(alone, [token], interrupt)[0], row)
        for token, row in zip(tokens[_READ:], rows, strict=True)
    )


def batch_difference(decoder: Decoder) -> float:
    """The largest difference between a logit of a pass over several sequences and the same of a pass over each alone.

    Five passes over a handful of tokens: some 50 ms on a small model.

    Raises:
        InferenceFailed: the runtime failed.
    """
    interrupt = Interrupt()
    rows = decoder.new_rows(_ROWS)
    caches = [rows.open() for _ in range(_ROWS)]
    tokens = _some_tokens(decoder, _READ + _ROWS)
    alone = []
    for at, cache in enumerate(caches):
        length = _READ - 8 * at
        decoder.forward(cache, tokens[:length], interrupt)
        alone.append(decoder.forward(cache, [tokens[_READ + at]], interrupt)[0])
        cache.truncate(length)
    batch = decoder.forward_batch(rows, caches, tokens[_READ:], interrupt)
    return max(_difference(one, row) for one, row in zip(alone, batch, strict=True))


def _some_tokens(decoder: Decoder, count: int) -> list[int]:
    return [1 + 7 * place % (decoder.vocabulary - 1) for place in range(count)]


def _difference(one: Floats, other: Floats) -> float:
    return float(abs(one - other).max())
