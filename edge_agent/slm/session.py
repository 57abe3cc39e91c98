"""A decoder graph in ONNX Runtime, checked before it is used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnxruntime

from edge_agent.slm.folder import Sizes
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.merged import check_merged
from edge_agent.slm.providers import CPU, Provider, configure
from edge_agent.slm.signature import Signature, read_signature
from orchestrator.errors import ConfigError, InferenceFailed, ModelCorrupt, ModelUnsupported

_THREADING = {
    # Threads wait for the next operator awake, but not for long: without it decoding is a quarter slower, and with the
    # default of milliseconds a thread that waits takes the core from the one that it waits for.
    "session.intra_op.spin_duration_us": "100",
    # Operators are cut into smaller pieces towards their end, so that a thread that was held up holds up less.
    "session.dynamic_block_base": "4",
}
_BROKEN = {"NoSuchFile", "InvalidProtobuf", "InvalidGraph", "NoModel"}  # exceptions that are about the file alone
_ATTENTION = "GroupQueryAttention"
# What ONNX Runtime says of a sound graph that it cannot run.
_UNKNOWN = re.compile(r"not a registered|opset|IR version|NOT_IMPLEMENTED|not find an implementation", re.IGNORECASE)


class Session:
    """A loaded graph: its signature, and runs that can be interrupted."""

    def __init__(self, inner: onnxruntime.InferenceSession, signature: Signature, *, memory: str = "cpu") -> None:
        """Args:
        inner: the loaded graph.
        signature: of the graph.
        memory: where keys and values are best kept, as ONNX Runtime names devices.
        """
        self._inner = inner
        self.signature = signature
        self.memory = memory

    @classmethod
    def open(
        cls,
        graph: Path,
        *,
        threads: int,
        providers: Sequence[Provider] = CPU,
        sizes: Sizes | None = None,
        remedy: str = "",
        profile: Path | None = None,
    ) -> Session:
        """Load a graph.

        Args:
            graph: the .onnx file; external data lies beside it.
            threads: of one operator, the calling one included.
            providers: execution providers, the preferred one first; what none of them runs, the CPU does.
            sizes: what the graph may leave open.
            remedy: what to tell whoever has a broken file.
            profile: where to write how long each operator took, the beginning of a file's name; see `end_profile`.

        Raises:
            ConfigError: a provider that is not there, or that cannot load this graph.
            ModelCorrupt: the file or its external data is damaged or missing.
            ModelUnsupported: a graph that is not a decoder in the hub's layout.
        """
        options = session_options(threads, profile)
        built_in = configure(options, providers)
        alone = all(provider.kind is CPU[0].kind for provider in providers)
        if profile is not None or not alone:
            options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        try:
            # Without a word, it would otherwise try again on the CPU alone.
            inner = onnxruntime.InferenceSession(str(graph), options, providers=built_in or None, enable_fallback=0)
        except Exception as error:  # the runtime's exceptions share no base class
            if not alone and type(error).__name__ not in _BROKEN:
                raise _refused(providers[0], graph, _first_line(error)) from error
            kind = ModelUnsupported if _UNKNOWN.search(str(error)) else ModelCorrupt
            raise kind(f"ONNX Runtime cannot load {graph}: {_first_line(error)}", remedy=remedy) from error
        for provider in providers:
            if provider.kind.name not in inner.get_providers():  # its library could not be loaded, which is only logged
                raise _refused(provider, graph, "ONNX Runtime left it out")
        signature = read_signature(inner, graph, sizes or Sizes())
        if signature.merged:
            check_merged(inner, signature, graph)
        if alone:
            return cls(inner, signature)
        shares = signature.shared_kv and _attends_on_cpu(inner)
        return cls(inner, replace(signature, shared_kv=shares), memory=providers[0].kind.memory)

    @property
    def assignment(self) -> list[tuple[str, str]]:
        """Of every operator, the provider that runs it and its type; of a session with a profile."""
        return _assignment(self._inner)

    def end_profile(self) -> Path:
        """The file of the profile, which is whole now."""
        return Path(self._inner.end_profiling())

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


def session_options(threads: int, profile: Path | None = None) -> onnxruntime.SessionOptions:
    """How this package runs graphs: threads of one operator, and how they wait for the next."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    for key, value in _THREADING.items():
        options.add_session_config_entry(key, value)
    options.log_severity_level = 4  # failures come as exceptions; nothing is to be said twice
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    return options


def _assignment(inner: onnxruntime.InferenceSession) -> list[tuple[str, str]]:
    parts = inner.get_provider_graph_assignment_info()
    return [(part.ep_name, node.op_type) for part in parts for node in part.get_nodes()]


def _attends_on_cpu(inner: onnxruntime.InferenceSession) -> bool:
    """Whether the CPU runs all attention: its operator is the one that is known to append to past keys in place."""
    return all(name == CPU[0].kind.name for name, operator in _assignment(inner) if operator == _ATTENTION)


def _refused(provider: Provider, graph: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the execution provider {provider.kind.short} cannot run {graph}: {why}",
        remedy="leave it out of model.providers to compute on the CPU",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
