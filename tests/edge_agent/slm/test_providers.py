"""Execution providers by name, and the way to sessions that use them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.providers import CPU, KINDS, Kind, Provider, available, configure
from edge_agent.slm.session import Session
from orchestrator.errors import ConfigError


@given(st.sampled_from(KINDS), st.sampled_from((str.lower, str.upper, str.title)))
def test_people_and_the_runtime_may_each_use_their_names(kind: Kind, spelt: object) -> None:
    assert callable(spelt)
    assert Provider.named(spelt(kind.short)).kind is Provider.named(spelt(kind.name)).kind is kind


def test_a_name_that_is_nobodys_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'opnvino'") as caught:
        Provider.named("opnvino")
    assert caught.value.remedy == "Did you mean openvino?"


def test_the_cpu_is_always_there_and_goes_last() -> None:
    assert CPU[0].kind in available()
    assert configure(onnxruntime.SessionOptions(), CPU) == [("CPUExecutionProvider", {})]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in available()], ids=lambda kind: kind.short)
def test_what_is_not_there_says_what_is_missing(kind: Kind) -> None:
    with pytest.raises(ConfigError, match=kind.short) as caught:
        configure(onnxruntime.SessionOptions(), [Provider(kind), *CPU])
    assert kind.wheel in caught.value.remedy or "driver" in caught.value.remedy


def test_openvino_writes_what_the_cpu_does(tiny_folder: Path) -> None:
    pytest.importorskip("onnxruntime_ep_openvino", reason="the OpenVINO plug-in is not installed")
    tokens, found = list(range(40, 70)), []
    exact = {"load_config": '{"CPU": {"INFERENCE_PRECISION_HINT": "f32"}}'}  # bfloat16 where the processor can
    for provider in (CPU[0], Provider.named("openvino", device="cpu", options=exact)):
        session = Session.open(tiny_folder / "model.onnx", threads=1, providers=[provider])
        decoder = Decoder(session, window=64, weight_bytes=0)
        cache = decoder.new_cache()
        passes = (tokens[:20], tokens[20:28], *([token] for token in tokens[28:]))
        found.append(np.concatenate([decoder.forward(cache, part, Interrupt(), keep=len(part)) for part in passes]))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-3)
