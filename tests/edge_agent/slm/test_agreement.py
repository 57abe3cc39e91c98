"""The shipped quantisation against full precision, on the real model and real prose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.slm.closeness import kl_nats
from edge_agent.slm.convert.pipeline import convert
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.pull import original_file
from edge_agent.slm.sampling import Floats
from edge_agent.slm.session import Session
from edge_agent.slm.tokenizer import Tokenizer

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[3]
PROSE = [ROOT / "LICENSE", *(ROOT / f"examples/household/notes/{name}.md" for name in ("pancakes", "where-things-are"))]
CHUNK = 64


@pytest.fixture(scope="session")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 in full precision, from the file that the shipped one was made from."""
    folder = tmp_path_factory.mktemp("models") / "exact"
    convert(original_file("smollm2-135m-instruct"), folder, recipe="exact")
    return folder


@pytest.fixture(scope="session")
def prose(smollm2: Path) -> list[list[int]]:
    """Token ids of some pages, none longer than 500."""
    tokenizer = Tokenizer.open(smollm2 / "tokenizer.json")
    return [tokenizer.encode(path.read_text(encoding="utf-8"))[:500] for path in PROSE]


@pytest.fixture(scope="session")
def reference(exact: Path, prose: list[list[int]]) -> list[Floats]:
    """What full precision says behind each token of `prose`."""
    return [logits(decoder(exact), ids) for ids in prose]


def decoder(folder: Path) -> Decoder:
    session = Session.open(folder / "model.onnx", threads=2)
    return Decoder(session, window=512, weight_bytes=0)


def logits(decoder: Decoder, ids: list[int]) -> Floats:
    """What the model says behind each of `ids`: [S, V]."""
    cache = decoder.new_cache()
    chunks = (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
    return np.concatenate([decoder.forward(cache, chunk, Interrupt(), keep=len(chunk)) for chunk in chunks])


def test_teacher_forced_it_agrees_with_full_precision(
    smollm2: Path, prose: list[list[int]], reference: list[Floats]
) -> None:
    """The same text is read by both; at each token, would they go on with the same one?"""
    shipped = decoder(smollm2)
    agrees, divergence = [], []
    for ids, theirs in zip(prose, reference, strict=True):
        ours = logits(shipped, ids)
        agrees.append(ours.argmax(-1) == theirs.argmax(-1))
        divergence.append(kl_nats(theirs, ours))
    assert np.concatenate(agrees).mean() >= 0.96
    assert np.concatenate(divergence).mean() < 0.01


def test_token_by_token_it_agrees_too(smollm2: Path, prose: list[list[int]], reference: list[Floats]) -> None:
    """Decoding runs through other kernels than reading does."""
    shipped, agrees = decoder(smollm2), []
    for ids, theirs in zip(prose, reference, strict=True):
        cache = shipped.new_cache()
        chosen = [int(shipped.forward(cache, [token], Interrupt())[-1].argmax()) for token in ids[:150]]
        agrees.append(np.array(chosen) == theirs[:150].argmax(-1))
    # Some 300 tokens, .96 on AVX-512: one standard error below.
    assert np.concatenate(agrees).mean() >= 0.95


def test_in_full_precision_cached_decoding_is_uncached_decoding(
    exact: Path, prose: list[list[int]], reference: list[Floats]
) -> None:
    full, ids = decoder(exact), prose[1][:30]
    cache = full.new_cache()
    single = np.concatenate([full.forward(cache, [token], Interrupt()) for token in ids])
    np.testing.assert_allclose(single, reference[1][:30], atol=2e-3)
