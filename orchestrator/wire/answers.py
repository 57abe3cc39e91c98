"""Answers to protobuf and back: events of a stream, whole answers, the list of models."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from orchestrator.chat import NANO, Generation, Price, ServedModel
from orchestrator.errors import CloudInternal
from orchestrator.types import Completed, FinishReason, ModelEvent, Started, TextDelta, Usage
from orchestrator.units import NO_ENERGY, Energy, EnergySource
from orchestrator.v1 import chat_pb2, gateway_service_pb2

_REASONS: Final = {
    FinishReason.STOP: chat_pb2.FINISH_REASON_STOP,
    FinishReason.LENGTH: chat_pb2.FINISH_REASON_LENGTH,
    FinishReason.DEADLINE: chat_pb2.FINISH_REASON_DEADLINE,
    FinishReason.BUDGET: chat_pb2.FINISH_REASON_BUDGET,
}
_REASON_NAMES: Final[dict[int, FinishReason]] = {number: reason for reason, number in _REASONS.items()}
_SOURCES: Final = {
    EnergySource.MODELLED: chat_pb2.ENERGY_SOURCE_MODELLED,
    EnergySource.NVML: chat_pb2.ENERGY_SOURCE_NVML,
    EnergySource.RAPL: chat_pb2.ENERGY_SOURCE_RAPL,
    EnergySource.BATTERY: chat_pb2.ENERGY_SOURCE_BATTERY,
}
_SOURCE_NAMES: Final[dict[int, EnergySource]] = {number: source for source, number in _SOURCES.items()}


def encode_event(event: ModelEvent, cursor: int = 0) -> gateway_service_pb2.StreamGenerateResponse:
    """One event of a stream, and the place behind it: code points of the answer so far.

    Token scores and bytes moved stay behind: they are a device's own affair.
    """
    match event:
        case Started(model=model):
            started = gateway_service_pb2.Started(model=model)
            return gateway_service_pb2.StreamGenerateResponse(started=started, cursor=cursor)
        case TextDelta(text=text):
            delta = gateway_service_pb2.TextDelta(text=text)
            return gateway_service_pb2.StreamGenerateResponse(text_delta=delta, cursor=cursor)
        case Completed():
            return gateway_service_pb2.StreamGenerateResponse(finished=_encode_finished(event), cursor=cursor)


def decode_event(message: gateway_service_pb2.StreamGenerateResponse) -> ModelEvent | None:
    """The event in `message`; None for a kind that a newer gateway may send and this client does not know.

    Raises:
        CloudInternal: the receipt makes no sense.
    """
    match message.WhichOneof("event"):
        case "started":
            return Started(message.started.model)
        case "text_delta":
            return TextDelta(message.text_delta.text)
        case "finished":
            return _decode_finished(message.finished)
    return None


def encode_answer(model: str, text: str, completed: Completed) -> gateway_service_pb2.GenerateResponse:
    """A whole answer."""
    return gateway_service_pb2.GenerateResponse(model=model, text=text, finished=_encode_finished(completed))


def decode_answer(message: gateway_service_pb2.GenerateResponse) -> Generation:
    """The whole answer in `message`.

    Raises:
        CloudInternal: the receipt makes no sense.
    """
    completed = _decode_finished(message.finished)
    return Generation(
        text=message.text,
        model=message.model,
        usage=completed.usage,
        finish_reason=completed.finish_reason,
        usd=completed.usd,
        cloud_energy=completed.cloud_energy,
    )


def encode_models(models: Iterable[ServedModel]) -> gateway_service_pb2.ListModelsResponse:
    """The list of models."""
    return gateway_service_pb2.ListModelsResponse(models=[_encode_model(model) for model in models])


def decode_models(message: gateway_service_pb2.ListModelsResponse) -> list[ServedModel]:
    """The models in `message`, in its order.

    Raises:
        CloudInternal: a window or a price is negative.
    """
    return [_decode_model(model) for model in message.models]


def _encode_finished(completed: Completed) -> chat_pb2.Finished:
    energy = completed.cloud_energy
    return chat_pb2.Finished(
        finish_reason=_REASONS[completed.finish_reason],
        usage=chat_pb2.Usage(
            prompt_tokens=completed.usage.prompt_tokens,
            completion_tokens=completed.usage.completion_tokens,
            estimated=completed.usage.estimated,
        ),
        cost_nano_usd=round(completed.usd * NANO),
        cloud_energy=chat_pb2.Energy(
            joules=energy.joules, uncertainty_joules=energy.uncertainty_joules, source=_SOURCES[energy.source]
        ),
    )


def _decode_finished(message: chat_pb2.Finished) -> Completed:
    reason = _REASON_NAMES.get(message.finish_reason)
    usage = message.usage
    if reason is None or min(usage.prompt_tokens, usage.completion_tokens, message.cost_nano_usd) < 0:
        raise _nonsense("a receipt without a known finish reason, or with a negative figure")
    return Completed(
        Usage(usage.prompt_tokens, usage.completion_tokens, usage.estimated),
        reason,
        message.cost_nano_usd / NANO,
        _decode_energy(message.cloud_energy) if message.HasField("cloud_energy") else NO_ENERGY,
    )


def _decode_energy(message: chat_pb2.Energy) -> Energy:
    source = _SOURCE_NAMES.get(message.source)
    figures = (message.joules, message.uncertainty_joules)
    if source is None or not all(math.isfinite(figure) and figure >= 0 for figure in figures):
        raise _nonsense("an energy figure that is no amount, or has no known source")
    return Energy(*figures, source)


def _encode_model(model: ServedModel) -> gateway_service_pb2.Model:
    return gateway_service_pb2.Model(
        name=model.name,
        context_tokens=model.context_tokens,
        price=gateway_service_pb2.Price(
            prompt_nano_usd_per_million_tokens=model.price.prompt_nano_usd_per_million,
            completion_nano_usd_per_million_tokens=model.price.completion_nano_usd_per_million,
        ),
    )


def _decode_model(message: gateway_service_pb2.Model) -> ServedModel:
    price = Price(
        message.price.prompt_nano_usd_per_million_tokens, message.price.completion_nano_usd_per_million_tokens
    )
    if message.context_tokens < 1 or min(price.prompt_nano_usd_per_million, price.completion_nano_usd_per_million) < 0:
        raise _nonsense("a model without a window, or with a negative price")
    return ServedModel(name=message.name, context_tokens=message.context_tokens, price=price)


def _nonsense(what: str) -> CloudInternal:
    return CloudInternal(f"the gateway sent {what}", remedy="its version and this client's may not fit together")
