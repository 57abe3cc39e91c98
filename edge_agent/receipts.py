"""The parts of a receipt that the command line and the HTTP endpoint tell alike: what an answer took, and what left."""

from __future__ import annotations

from typing import Any

from orchestrator.types import Answer


def energy_as_json(answer: Answer) -> dict[str, Any]:
    """Joules of the device, with those for each token of the answer (none without a token), and of the cloud apart."""
    device, cloud, written = answer.device_energy, answer.cloud_energy, answer.usage.completion_tokens
    return {
        "device_joules": round(device.joules, 3),
        "source": device.source.value,
        "uncertainty_joules": round(device.uncertainty_joules, 3),
        "joules_per_token": round(device.joules / written, 4) if written else None,
        "cloud": {
            "joules": round(cloud.joules, 3),
            "source": cloud.source.value,
            "uncertainty_joules": round(cloud.uncertainty_joules, 3),
        },
    }


def egress_as_json(answer: Answer) -> dict[str, Any]:
    """What left for an answer; `asked` only of a consultation."""
    egress = answer.egress
    return {
        "sent": egress.sent,
        "record_ids": list(egress.record_ids),
        "redactions": egress.redactions,
        **({"asked": egress.asked} if egress.asked else {}),
    }
