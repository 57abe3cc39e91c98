"""The gRPC client SDK: `from orchestrator.client import Gateway`.

    with Gateway("gateway.example.com:443", api_key=key, tls=TlsOptions()) as gateway:
        print(gateway.generate("What do bees make?", model="qwen2.5-7b-instruct").text)

`AsyncGateway` has the same methods, awaited. Nothing is connected before the first call. A stream whose connection is
lost goes on where it broke; of several gateways the living are asked. `orchestrator.client.testing` has a gateway for
your own tests. The manual is docs/sdk.md.
"""

from orchestrator.accounts import WindowUsage
from orchestrator.chat import Generation, Price, ServedModel
from orchestrator.client.channel import TlsOptions
from orchestrator.client.gateway import AsyncGateway
from orchestrator.client.sync import Gateway
from orchestrator.client.witness import Outcome, Sending, Witness

__all__ = [
    "AsyncGateway",
    "Gateway",
    "Generation",
    "Outcome",
    "Price",
    "Sending",
    "ServedModel",
    "TlsOptions",
    "WindowUsage",
    "Witness",
]
