"""Merged graphs, which older exporters made of two: one for the beginning of a text, one for what comes behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_agent.slm.signature import Signature
from orchestrator.errors import ModelUnsupported

# Any tokens will do; these are in every vocabulary.
_PROBE = (1, 2, 3, 4)


def check_merged(inner: onnxruntime.InferenceSession, signature: Signature, graph: Path) -> None:
    """Try whether several tokens at once may follow others.

    In some of these graphs a token behind others sees those that come after it in the same pass, because the second
    graph was exported with one token. Long prompts and drafts, which come in such passes, would then be answered wrong.

    Args:
        inner: the loaded graph.
        signature: of it.
        graph: its file, for error messages.

    Raises:
        ModelUnsupported: they may not, or the graph fails.
    """
    half = len(_PROBE) // 2
    try:
        whole, _ = _pass(inner, signature, _PROBE, {})
        _, cache = _pass(inner, signature, _PROBE[:half], {})
        behind, _ = _pass(inner, signature, _PROBE[half:], cache)
    except Exception as error:  # the runtime's exceptions share no base class
        raise ModelUnsupported(f"{graph} is a merged graph that does not run: {error}", remedy=_REMEDY) from error
    # Rounding differs between the two graphs by far less than what a token that is seen too early changes.
    if not np.allclose(whole[:, half:], behind[:, -half:], rtol=0.01, atol=0.01 * float(np.abs(whole).max())):
        message = f"{graph} has the input use_cache_branch, and behind it takes one token at a time only"
        raise ModelUnsupported(message, remedy=_REMEDY)


_REMEDY = "choose an export without use_cache_branch: newer ones have one graph for both"


def _pass(
    inner: onnxruntime.InferenceSession, signature: Signature, tokens: tuple[int, ...], cache: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    """Logits [1, S, V], and the cache behind them."""
    empty = np.zeros((1, signature.kv_heads, 0, signature.head_dim), signature.cache_type)
    cache = cache or dict.fromkeys(signature.past, empty)
    past = next(iter(cache.values())).shape[2]
    positions = np.arange(past, past + len(tokens))[None]
    mask = np.ones((1, past + len(tokens)), np.int64)
    feeds = signature.feeds(np.array([tokens], np.int64), mask, positions, len(tokens))
    logits, *present = inner.run(["logits", *signature.present], feeds | cache)
    return logits.astype(np.float32), dict(zip(signature.past, present, strict=True))
