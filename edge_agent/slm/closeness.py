"""How close one model's view of the next token is to another's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_agent.slm.sampling import Floats


def kl_nats(exact: Floats, other: Floats) -> NDArray[np.float64]:
    """KL(p || q) = sum(p · (log p - log q)) of each row, p being `exact` (Kullback and Leibler 1951).

    Args:
        exact: logits [S, V].
        other: logits over the same, [S, V].

    Returns:
        [S], in nats.
    """
    theirs = log_softmax(exact)
    return np.asarray((np.exp(theirs) * (theirs - log_softmax(other))).sum(axis=-1))


def agrees(exact: Floats, other: Floats) -> NDArray[np.bool_]:
    """Of each row of two [S, V] arrays of logits, whether both hold the same token for the likeliest: [S]."""
    return np.asarray(exact.argmax(axis=-1) == other.argmax(axis=-1))


def log_softmax(rows: Floats) -> NDArray[np.float64]:
    """Log-probabilities [S, V], in nats, of logits [S, V]."""
    shifted: NDArray[np.float64] = rows.astype(np.float64) - rows.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted
