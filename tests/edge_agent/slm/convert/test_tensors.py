from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import numpy_helper

from edge_agent.slm.convert.tensors import ExternalTensors, InlineTensors, alias

SMALL, BYTES = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(8, dtype=np.uint8)


def test_external_tensors_come_back_and_start_on_a_page(tmp_path: Path) -> None:
    with ExternalTensors(tmp_path / "weights") as store:
        tensors = [store.add("a", SMALL), store.add("b", BYTES), store.add("c", SMALL[:, ::2])]
    for tensor, array in zip(tensors, (SMALL, BYTES, SMALL[:, ::2]), strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(tensor, str(tmp_path)), array)
        assert int({entry.key: entry.value for entry in tensor.external_data}["offset"]) % 4096 == 0


def test_an_alias_is_the_same_bytes_in_another_shape(tmp_path: Path) -> None:
    with ExternalTensors(tmp_path / "weights") as store:
        external = store.add("a", SMALL)
    for stored in (external, InlineTensors().add("a", SMALL)):
        again = alias(stored, "b", (3, 2))
        assert again.name == "b"
        np.testing.assert_array_equal(numpy_helper.to_array(again, str(tmp_path)), SMALL.reshape(3, 2))
    assert (tmp_path / "weights").stat().st_size == SMALL.nbytes
