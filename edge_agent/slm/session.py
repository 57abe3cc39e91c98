"""A decoder graph in ONNX Runtime, checked before it is used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from edge_agent.slm.folder import Sizes
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.merged import check_merged
from edge_agent.slm.signature import Signature, read_signature
from orchestrator.errors import ConfigError, InferenceFailed, ModelCorrupt, ModelUnsupported

_THREADING = {
    # Threads wait for the next operator awake, but not for long: without it decoding is a quarter slower, and with the
    # default of milliseconds a thread that waits takes the core from the one that it waits for.
    "session.intra_op.spin_duration_us": "100",
    # Operators are cut into smaller pieces towards their end, so that a thread that was held up holds up less.
    "session.dynamic_block_base": "4",
}
# What ONNX Runtime says of a sound graph that it cannot run.
_UNKNOWN = re.compile(r"not a registered|opset|IR version|NOT_IMPLEMENTED|not find an implementation", re.IGNORECASE)


class Session:
    """A loaded graph: its signature, and runs that can be interrupted."""

    def __init__(self, inner: onnxruntime.InferenceSession, signature: Signature) -> None:
        self._inner = inner
        self.signature = signature

    @classmethod
    def open(
        cls, graph: Path, *, threads: int, providers: Sequence[str], sizes: Sizes | None = None, remedy: str = ""
    ) -> Session:
        """Load a graph.

        Args:
            graph: the .onnx file; external data lies beside it.
            threads: of one operator, the calling one included.
            providers: ONNX Runtime execution providers, the preferred one first.
            sizes: what the graph may leave open.
            remedy: what to tell whoever has a broken file.

        Raises:
            ConfigError: a provider that this build of ONNX Runtime lacks.
            ModelCorrupt: the file or its external data is damaged or missing.
            ModelUnsupported: a graph that is not a decoder in the hub's layout.
        """
        _check_providers(providers)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        for key, value in _THREADING.items():
            options.add_session_config_entry(key, value)
        options.log_severity_level = 4  # failures come as exceptions; nothing is to be said twice
        try:
            inner = onnxruntime.InferenceSession(str(graph), options, providers=list(providers))
        except Exception as error:  # the runtime's exceptions share no base class
            kind = ModelUnsupported if _UNKNOWN.search(str(error)) else ModelCorrupt
            raise kind(f"ONNX Runtime cannot load {graph}: {_first_line(error)}", remedy=remedy) from error
        signature = read_signature(inner, graph, sizes or Sizes())
        if signature.merged:
            check_merged(inner, signature, graph)
        return cls(inner, signature)

    def binding(self) -> onnxruntime.IOBinding:
        """A new set of places for inputs and outputs."""
        return self._inner.io_binding()

    def run(self, binding: onnxruntime.IOBinding, interrupt: Interrupt) -> None:
        """Run the graph once.

        Raises:
            Interrupted: `interrupt` was set before or during the run; outputs are undefined then.
            InferenceFailed: the runtime failed.
        """
        interrupt.check()
        try:
            self._inner.run_with_iobinding(binding, interrupt.run_options)
        except Exception as error:  # as above; an interrupted run ends in one, too
            interrupt.check()
            raise InferenceFailed(f"ONNX Runtime failed: {_first_line(error)}") from error


def _check_providers(providers: Sequence[str]) -> None:
    available = onnxruntime.get_available_providers()
    for provider in providers:
        if provider not in available:
            raise ConfigError(f"ONNX Runtime here has no {provider}", remedy=f"Choose from {', '.join(available)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
