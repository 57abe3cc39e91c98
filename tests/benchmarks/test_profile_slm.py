"""The profile of a pass, on a tiny model."""

from __future__ import annotations

import pytest

from benchmarks.profile_slm import Pass, Profile, as_markdown, profile
from edge_agent.slm.convert.synthetic import tiny_config, write_synthetic_model


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_synthetic_model(folder, recipe="exact")
    passes = ((8, 1), (20, 4))
    return profile(folder, threads=1, rounds=2, passes=passes, machine={"processor": "a test's"})


def group(one: Pass, name: str) -> tuple[int, int]:
    """Operators, and bytes read."""
    return next((share.operators, round(share.megabytes * 1e6)) for share in one.shares if share.group == name)


def test_products_are_told_apart_by_their_matrix(found: Profile) -> None:
    config = tiny_config()
    for one in found.passes:
        assert group(one, "mlp.down_proj") == (2, 2 * 4 * config.hidden_size * config.intermediate_size)
        assert group(one, "logits") == (1, 4 * config.hidden_size * config.vocab_size)


def test_attention_reads_keys_and_values_of_all_tokens(found: Profile) -> None:
    config = tiny_config()
    kept = 2 * config.layers * config.kv_heads * config.head_dim * 4
    for one in found.passes:
        assert group(one, "GroupQueryAttention") == (config.layers, (one.past + one.new) * kept)


def test_every_pass_has_its_limits(found: Profile) -> None:
    assert [(one.past, one.new) for one in found.passes] == [(8, 1), (20, 4)]
    assert all(one.ms > one.bandwidth_ms > 0 and one.dispatch_ms > 0 for one in found.passes)


def test_the_tables_show_the_longest_first(found: Profile) -> None:
    text = "\n".join(as_markdown(found))
    assert "| 1 behind 8 |" in text
    assert "a test's" in text
    for one in found.passes:
        assert [share.ms for share in one.shares] == sorted((share.ms for share in one.shares), reverse=True)
