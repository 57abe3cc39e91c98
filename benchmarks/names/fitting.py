"""From labelled texts to the weights that ship, in two steps: what we write, then real templates among it."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.names.drawing import Drawing, pools, towns
from benchmarks.names.network import UNTOLD, Encoded, Network, fit
from benchmarks.names.plain import nameless, posed, woven
from benchmarks.names.sentences import sentences
from benchmarks.names.values import Values
from edge_agent.privacy.evaluation import Labelled, Span
from edge_agent.privacy.names import PERSONAL_FROM, Names
from edge_agent.privacy.tagger import Tagger, glue
from edge_agent.privacy.words import BUCKETS, looks, split
from orchestrator.privacy.finding import Kind

KINDS: Final = (
    Kind.PERSON, Kind.ORGANIZATION, Kind.STREET_ADDRESS, Kind.GPE, Kind.ZIP_CODE, Kind.NRP, Kind.DATE_TIME, Kind.AGE,
    Kind.TITLE, Kind.PHONE_NUMBER, Kind.ACCOUNT_NUMBER, Kind.EMAIL_ADDRESS, Kind.DOMAIN_NAME,
)  # fmt: skip
"""What the tagger tells apart. `Names` leaves the last four to patterns: they are told so that they are not names."""
_NUMBERS: Final = frozenset({"CREDIT_CARD", "IBAN_CODE", "US_SSN", "US_DRIVER_LICENSE"})
_TEMPLATED: Final = 16_000
_MIXED: Final = 5_000
_POSED: Final = 4_000
_EPOCHS, _RATE = 4, 6e-3
_TUNE_EPOCHS, _TUNE_RATE = 2, 1e-3
_TUNE_REPEATS: Final = 4
"""How often a tuning row comes among as many rows of the first step as all of them together."""


def corpus(plain_texts: Sequence[str], *, seed: int) -> list[Labelled]:
    """What the first step is fitted on: filled templates, ordinary sentences and questions, and mixtures of both."""
    rng = random.Random(seed)
    values = Values(Drawing(rng, pools(seed), towns()))
    ordinary = nameless(plain_texts)
    rows = [*sentences(_TEMPLATED, rng, values), *(Labelled(sentence, ()) for sentence in ordinary)]
    rows += posed(_POSED, ordinary, rng)
    for _ in range(2):
        rows += woven(ordinary, rng, values)
    for row in sentences(_MIXED, rng, values):
        sentence = rng.choice(ordinary)
        rows.append(
            _after(f"{sentence} ", row) if rng.random() < 0.5 else Labelled(f"{row.text} {sentence}", row.spans)
        )
    return rows


def empty() -> Network:
    """A network that was fitted on nothing."""
    return Network(1 + len(KINDS))


def first_step(rows: Sequence[Labelled], *, seed: int) -> Network:
    """A network that was fitted on `rows`."""
    torch.manual_seed(seed)
    network = empty()
    fit(network, _encoded(rows), epochs=_EPOCHS, rate=_RATE, seed=seed)
    return network


def tuned(network: Network, rows: Sequence[Labelled], among: Sequence[Labelled], *, seed: int) -> Network:
    """The network after some more steps on `rows`, mixed with some of `among`, so that nothing is forgotten."""
    network = copy.deepcopy(network)
    repeated = [*rows] * _TUNE_REPEATS
    mixed = repeated + random.Random(seed).sample(list(among), min(3 * len(repeated), len(among)))
    fit(network, _encoded(mixed), epochs=_TUNE_EPOCHS, rate=_TUNE_RATE, seed=seed)
    return network


def detector(network: Network, *, personal_from: float = PERSONAL_FROM) -> Names:
    """What the network's weights find once they are rounded as they ship."""
    return Names(Tagger(_weights(network), KINDS), personal_from=personal_from)


def save(network: Network, path: Path) -> None:
    """Write the weights that `Tagger.load` reads."""
    kinds = np.array([str(kind) for kind in KINDS])
    arrays: dict[str, Any] = {"kinds": kinds, **_weights(network)}
    np.savez_compressed(path, **arrays)


def _weights(network: Network) -> dict[str, NDArray[np.generic]]:
    """Rows of looks in 8 bits with a scale each, everything else in 16."""
    rows = network.looks.weight.detach().numpy()[: BUCKETS + 2]
    scales = np.abs(rows).max(axis=1) / 127
    scales[scales == 0] = 1
    layers = {
        "first": network.first.weight.detach().numpy().transpose(2, 1, 0).reshape(-1, network.first.out_channels),
        "first_bias": network.first.bias,
        "second": network.second.weight.detach().numpy().transpose(2, 1, 0).reshape(-1, network.second.out_channels),
        "second_bias": network.second.bias,
        "last": network.last.weight.detach().numpy().T,
        "last_bias": network.last.bias,
    }
    rounded = {
        name: (layer if isinstance(layer, np.ndarray) else layer.detach().numpy()).astype(np.float16)
        for name, layer in layers.items()
    }
    return {"looks": np.rint(rows / scales[:, None]).astype(np.int8), "scales": scales.astype(np.float16), **rounded}


def _encoded(rows: Sequence[Labelled]) -> list[Encoded]:
    return [encoded for row in rows if len((encoded := _encode(row)).labels)]


def _encode(row: Labelled) -> Encoded:
    words = split(row.text)
    labels = np.zeros(len(words.texts), np.int64)
    for span in row.spans:
        kind = KINDS.index(Kind.ACCOUNT_NUMBER if span.type in _NUMBERS else Kind(span.type)) + 1
        for place, (start, end) in enumerate(words.spans):
            if start < span.end and end > span.start:
                labels[place] = kind
    labels[[place for place, word in enumerate(words.texts) if word == "\n"]] = UNTOLD
    if not words.texts:
        return Encoded(np.zeros((0, 0), np.int64), labels)
    numbers = np.array([looks(word) for word in words.texts], np.int64)
    return Encoded(np.column_stack([numbers, glue(words)]), labels)


def _after(before: str, row: Labelled) -> Labelled:
    moved = (Span(span.type, span.start + len(before), span.end + len(before)) for span in row.spans)
    return Labelled(before + row.text, tuple(moved))
