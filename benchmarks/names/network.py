"""The tagger of names as torch fits it: the same sums as `edge_agent.privacy.tagger`, with gradients."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edge_agent.privacy.tagger import REACH
from edge_agent.privacy.words import BUCKETS, LOOKS

WIDTH: Final = 24
HIDDEN: Final = 64
UNTOLD: Final = -100
"""The label of a word that does not count: torch's own word for it."""
_ABSENT: Final = BUCKETS + 2
"""The row of a look that is hidden, and of what fills a batch up."""
_IDENTITY: Final = 0
"""Which look is the word itself."""
_HIDE_WORD: Final = 0.25
_HIDE_LOOK: Final = 0.04
"""Shares hidden while fitting, so that a name that was never seen is known by its looks and its neighbours."""
_DROPOUT: Final = 0.2
_SMOOTHING: Final = 0.02
_BATCH: Final = 128
_WARM_UP_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as numbers: looks of its words, words × (`LOOKS` + 1), and the label of each."""

    looks: NDArray[np.int64]
    labels: NDArray[np.int64]


class Network(nn.Module):  # type: ignore[misc,unused-ignore]  # Any where torch is not installed
    """Looks → vectors → two convolutions → scores of labels."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.looks = nn.EmbeddingBag(BUCKETS + 3, WIDTH, mode="sum", padding_idx=_ABSENT)
        nn.init.normal_(self.looks.weight, std=0.1)
        self.first = nn.Conv1d(WIDTH, HIDDEN, 2 * REACH + 1, padding=REACH)
        self.second = nn.Conv1d(HIDDEN, HIDDEN, 2 * REACH + 1, padding=REACH)
        self.last = nn.Linear(HIDDEN, labels)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, looks: Tensor, present: Tensor) -> Tensor:
        """Scores, batch × words × labels, of `looks`, batch × words × (`LOOKS` + 1)."""
        batch, words, width = looks.shape
        vectors = self.looks(looks.reshape(batch * words, width)).reshape(batch, words, -1) * present[..., None]
        hidden = torch.relu(self.first(self.dropout(vectors).transpose(1, 2))) * present[:, None]
        hidden = hidden + torch.relu(self.second(self.dropout(hidden)))
        scores: Tensor = self.last(self.dropout(hidden).transpose(1, 2))
        return scores


def fit(network: Network, rows: Sequence[Encoded], *, epochs: int, rate: float, seed: int) -> None:
    """Fit in place, by Adam with a rate that falls to nothing; the same for the same seed on the same machine."""
    rng = random.Random(seed)
    hiding = torch.Generator().manual_seed(seed)
    steps = epochs * -(-len(rows) // _BATCH)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / _WARM_UP_STEPS) * max(0.02, 1 - step / steps)
    )
    network.train()
    for _ in range(epochs):
        for looks, labels, present in _batches(rows, rng):
            _hide(looks, hiding)
            scores = network(looks, present).flatten(0, 1)
            loss = functional.cross_entropy(scores, labels.flatten(), ignore_index=UNTOLD, label_smoothing=_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()


def _hide(looks: Tensor, hiding: torch.Generator) -> None:
    looks[torch.rand(looks.shape, generator=hiding) < _HIDE_LOOK] = _ABSENT
    hidden = torch.rand(looks.shape[:2], generator=hiding) < _HIDE_WORD
    looks[..., _IDENTITY][hidden] = _ABSENT


def _batches(rows: Sequence[Encoded], rng: random.Random) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rows of about one length together, in random order."""
    order = list(range(len(rows)))
    rng.shuffle(order)
    shelf = 20 * _BATCH
    shelves = (
        sorted(order[at : at + shelf], key=lambda row: len(rows[row].labels)) for at in range(0, len(order), shelf)
    )
    batches = [each[at : at + _BATCH] for each in shelves for at in range(0, len(each), _BATCH)]
    rng.shuffle(batches)
    for batch in batches:
        longest = max(len(rows[row].labels) for row in batch)
        looks = np.full((len(batch), longest, LOOKS + 1), _ABSENT, np.int64)
        labels = np.full((len(batch), longest), UNTOLD, np.int64)
        present = np.zeros((len(batch), longest), np.float32)
        for place, row in enumerate(batch):
            size = len(rows[row].labels)
            looks[place, :size], labels[place, :size], present[place, :size] = rows[row].looks, rows[row].labels, 1
        yield torch.from_numpy(looks), torch.from_numpy(labels), torch.from_numpy(present)
