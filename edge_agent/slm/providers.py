"""ONNX Runtime's execution providers: who runs a graph's operators.

Some are built into a wheel of ONNX Runtime that takes the place of the ordinary one (`onnxruntime-gpu`); others are
plug-ins beside it: wheels with a library that is registered when it is first asked for, and that offers devices.
Operators that a provider cannot run fall back to the CPU, whatever is configured.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnxruntime

from orchestrator.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Kind:
    """An execution provider that we know.

    Attributes:
        short: what people call it.
        name: what ONNX Runtime calls it.
        wheel: what to install for it.
        plugin: the module of a plug-in; empty for one that is built into its wheel.
        memory: where its tensors live, as ONNX Runtime names devices.
    """

    short: str
    name: str
    wheel: str
    plugin: str = ""
    memory: str = "cpu"


KINDS = (
    Kind("cpu", "CPUExecutionProvider", "onnxruntime"),
    Kind("cuda", "CUDAExecutionProvider", "onnxruntime-gpu", memory="cuda"),
    Kind("tensorrt", "TensorrtExecutionProvider", "onnxruntime-gpu", memory="cuda"),
    Kind("openvino", "OpenVINOExecutionProvider", "onnxruntime-ep-openvino", plugin="onnxruntime_ep_openvino"),
    Kind("qnn", "QNNExecutionProvider", "onnxruntime-qnn", plugin="onnxruntime_qnn"),
    Kind("coreml", "CoreMLExecutionProvider", "onnxruntime, on macOS"),
    Kind("nnapi", "NnapiExecutionProvider", "a build of ONNX Runtime for Android"),
    Kind("directml", "DmlExecutionProvider", "onnxruntime-directml, on Windows", memory="dml"),
    Kind("webgpu", "WebGpuExecutionProvider", "onnxruntime-ep-webgpu", plugin="onnxruntime_ep_webgpu"),
)


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider as it is configured.

    Attributes:
        device: `cpu`, `gpu` or `npu`, of a plug-in that offers several; empty for the first that it offers.
        options: the provider's own, by ONNX Runtime's names.
    """

    kind: Kind
    device: str = ""
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def named(cls, name: str, *, device: str = "", options: Mapping[str, str] | None = None) -> Provider:
        """The provider that people or ONNX Runtime call `name`.

        Raises:
            ConfigError: there is none; the remedy names the nearest one.
        """
        known = {kind.short: kind for kind in KINDS} | {kind.name.lower(): kind for kind in KINDS}
        if (kind := known.get(name.lower())) is None:
            near = difflib.get_close_matches(name.lower(), known, n=1)
            choice = ", ".join(kind.short for kind in KINDS)
            remedy = f"Did you mean {known[near[0]].short}?" if near else f"Choose from {choice}"
            raise ConfigError(f"no execution provider is called {name!r}", remedy=remedy)
        return cls(kind, device, tuple(sorted((options or {}).items())))


CPU = (Provider(KINDS[0]),)


def available() -> list[Kind]:
    """The kinds that are installed here and find a device, the CPU included."""
    return [kind for kind in KINDS if (_devices(kind) if _is_plugin(kind) else _is_built_in(kind))]


def configure(options: onnxruntime.SessionOptions, providers: Sequence[Provider]) -> list[tuple[str, dict[str, str]]]:
    """Have a session use `providers`, the preferred one first.

    Args:
        options: takes the device of a plug-in.

    Returns:
        The built-in ones, for the session's constructor; empty where a plug-in does the work. ONNX Runtime itself puts
        the CPU behind them.

    Raises:
        ConfigError: one is not installed (the remedy names the wheel), finds no such device, or cannot be combined.
    """
    wanted = [provider for provider in providers if provider.kind is not KINDS[0]]
    for provider in wanted:
        if not _is_plugin(provider.kind) and not _is_built_in(provider.kind):
            raise ConfigError(
                f"the execution provider {provider.kind.short} is not installed",
                remedy=f"install {provider.kind.wheel}",
            )
    plugins = [provider for provider in wanted if _is_plugin(provider.kind)]
    if not plugins:
        return [(provider.kind.name, dict(provider.options)) for provider in (*wanted, *CPU)]
    if len(wanted) > 1:
        raise ConfigError(
            f"{plugins[0].kind.short} is a plug-in, which no other provider can be combined with",
            remedy="name one provider; what it cannot run falls back to the CPU",
        )
    options.add_provider_for_devices([_device(plugins[0])], dict(plugins[0].options))
    return []


def _is_built_in(kind: Kind) -> bool:
    """Whether this wheel of ONNX Runtime brings it."""
    return kind.name in onnxruntime.get_available_providers()


def _is_plugin(kind: Kind) -> bool:
    """Whether it is installed as a plug-in."""
    return bool(kind.plugin) and importlib.util.find_spec(kind.plugin) is not None


def _device(provider: Provider) -> onnxruntime.OrtEpDevice:
    devices = _devices(provider.kind)
    for device in devices:
        if provider.device in ("", _type(device)):
            return device
    found = ", ".join(sorted({_type(device) for device in devices})) or "none"
    raise ConfigError(
        f"the execution provider {provider.kind.short} finds no {provider.device or 'device'} here",
        remedy=f"what it finds: {found}. A driver may be missing",
    )


def _type(device: onnxruntime.OrtEpDevice) -> str:
    """`cpu`, `gpu` or `npu`."""
    return str(device.device.type.name).lower()


def _devices(kind: Kind) -> list[onnxruntime.OrtEpDevice]:
    """What a plug-in that is installed offers, once its library is registered; nothing if that cannot be loaded."""
    found = [device for device in onnxruntime.get_ep_devices() if device.ep_name == kind.name]
    if found:
        return found
    try:
        library = importlib.import_module(kind.plugin).get_library_path()
        onnxruntime.register_execution_provider_library(kind.name, library)
    except Exception:  # made for another version of ONNX Runtime, or lacks a driver: offers nothing, then
        return []
    return [device for device in onnxruntime.get_ep_devices() if device.ep_name == kind.name]
